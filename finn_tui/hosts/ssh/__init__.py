"""The transport over SSH and SFTP, as the user's OpenSSH configuration says."""
