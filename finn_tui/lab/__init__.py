"""What commands and screens call, each the same function; ``workbench`` owns the engine."""
