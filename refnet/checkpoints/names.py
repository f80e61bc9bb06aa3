"""The classes of PASCAL VOC and of COCO by number.

>>> VOC[8], COCO[17], COCO[12]
('cat', 'cat', '')
"""

from __future__ import annotations

# PASCAL VOC 2012, with the background (host.robots.ox.ac.uk/pascal/VOC).
VOC = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa",
    "train", "television",
)  # fmt: skip

# COCO's own numbers (cocodataset.org): 80 of 1 .. 90 are classes; "" where a number is not used.
COCO = (
    "background", "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck",
    "boat", "traffic light", "fire hydrant", "", "stop sign", "parking meter", "bench", "bird",
    "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "", "backpack",
    "umbrella", "", "", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana",
    "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake",
    "chair", "couch", "potted plant", "bed", "", "dining table", "", "", "toilet", "", "tv",
    "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "", "book", "clock", "vase", "scissors", "teddy bear", "hair drier",
    "toothbrush",
)  # fmt: skip


def names_of(labels: str, classes: int) -> tuple[str, ...]:
    """The names of a checkpoint's classes; numbers where it has none.

    >>> names_of("voc", 21)[15], names_of("", 3)[1]
    ('person', 'class 1')
    """
    known = {"voc": VOC, "coco": COCO}.get(labels, ())
    numbered = tuple(f"class {number}" for number in range(classes))
    return known if len(known) == classes else numbered
