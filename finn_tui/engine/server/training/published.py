"""The published image data sets: their files, checksums, places on the network, and classes.

Standard library only: the terminal's process looks for these files, too. The checksums are those
that the data sets' own pages publish (MD5): they tell a true name from a file of the same form.
"""

from typing import Dict, NamedTuple, Optional, Tuple

DIGITS = tuple(str(digit) for digit in range(10))
FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
#: The fine labels, in the order of their numbers (that of the alphabet).
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road
rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel
streetcar sunflower sweet_pepper table tank telephone television tiger tractor train
trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

#: The four files of MNIST and of what is published in its form.
IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class Published(NamedTuple):
    """A published data set.

    Attributes: ``name`` as commands have it, ``title``, ``family`` of its files (``idx``,
    ``cifar10``, ``cifar100``), ``folders`` in which it is usually kept, ``md5`` of its files by
    name, ``urls`` with the MD5 of what lies there (single files, or one .tar.gz), ``bytes`` of
    all of them, ``classes`` the names of its classes (of CIFAR-100 the fine labels).
    """

    name: str
    title: str
    family: str
    folders: Tuple[str, ...]
    md5: Dict[str, str]
    urls: Tuple[Tuple[str, str], ...]
    bytes: int
    classes: Tuple[str, ...] = ()


def _idx(name: str, title: str, folders: Tuple[str, ...], place: str, size: int,
         md5: Tuple[str, ...], classes: Tuple[str, ...]) -> Published:  # fmt: skip
    files = {"%s.gz" % file: digest for file, digest in zip(IDX_FILES, md5)}
    urls = tuple((place + file, digest) for file, digest in files.items())
    return Published(name, title, "idx", folders, files, urls, size, classes)


MNIST = _idx(
    "mnist",
    "MNIST",
    ("MNIST/raw", "mnist"),
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    11_594_722,
    (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    DIGITS,
)
FASHION_MNIST = _idx(
    "fashion-mnist",
    "Fashion-MNIST",
    ("FashionMNIST/raw", "fashion-mnist", "fashion_mnist", "fashion"),
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    30_878_645,
    (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    FASHION,
)
CIFAR10 = Published(
    "cifar10",
    "CIFAR-10",
    "cifar10",
    ("cifar-10-batches-py", "cifar-10-batches-bin", "cifar10", "cifar-10"),
    {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
    (
        (
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "c58f30108f718f92721af3b95e74349a",
        ),
    ),
    170_498_071,
    tuple(_CIFAR10.split()),
)
CIFAR100 = Published(
    "cifar100",
    "CIFAR-100",
    "cifar100",
    ("cifar-100-python", "cifar-100-binary", "cifar100", "cifar-100"),
    {
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    },
    (
        (
            "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
            "eb9058c3a382ffc7106e4002c42a8d85",
        ),
    ),
    169_001_437,
    tuple(_CIFAR100.split()),
)

PUBLISHED: Dict[str, Published] = {
    entry.name: entry for entry in (MNIST, FASHION_MNIST, CIFAR10, CIFAR100)
}

#: Made from what the engine has, without files: see ``digits``.
DIGITS28 = "digits28"
#: How many classes the two kinds of labels of CIFAR-100 have.
CIFAR100_CLASSES = {"fine": 100, "coarse": 20}


def published(name: str) -> Optional[Published]:
    """Return a published data set by its name, or None."""
    return PUBLISHED.get(name)
