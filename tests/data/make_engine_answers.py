"""Ask two independent engines about three photos, and keep what they were asked and answered.

    pip install 'refnet[test]' torch==2.13.0
    refnet weights verify --fetch
    python tests/data/make_engine_answers.py

LiteRT runs V1 from its .tflite, PyTorch runs V2 from its .pth; neither file passes through
refnet. The inputs are refnet's own preprocessing rounded to float16, so that they are small to
keep and exact to feed. A safetensors file begins with its header: there stand the engine, its
version, the file it ran, and this command.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import skimage.data
from matplotlib import cbook
from safetensors.numpy import save_file

from refnet import image
from refnet.checkpoints.fetch import fetch
from refnet.checkpoints.manifest import entry
from refnet.preprocessing import preprocess

HERE = Path(__file__).parent


def photos() -> dict[str, np.ndarray]:
    grace = image.read(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    return {
        "grace_hopper": grace,
        "chelsea": skimage.data.chelsea(),
        "coffee": skimage.data.coffee(),
    }


def litert_v1(x: np.ndarray, file: Path) -> np.ndarray:
    """Logits, the input of the last operation, from the reference kernels (no delegate)."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(file),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    names = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
    logits = interpreter.get_tensor(names["MobilenetV1/Logits/Conv2d_1c_1x1/BiasAdd"])
    return logits.reshape(1, -1)


def torch_v2(x: np.ndarray, file: Path) -> np.ndarray:
    """Logits of a MobileNetV2 written here in torch modules, filled from the state dict."""
    import torch

    def unit(inputs: int, outputs: int, kernel: int, stride: int, groups: int, act: bool) -> list:
        convolution = torch.nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        return [convolution, torch.nn.BatchNorm2d(outputs)] + [torch.nn.ReLU6()] * act

    class Block(torch.nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int, t: int) -> None:
            super().__init__()
            wide = inputs * t
            expand = unit(inputs, wide, 1, 1, 1, True) if t > 1 else []
            self.body = torch.nn.Sequential(
                *expand,
                *unit(wide, wide, 3, stride, wide, True),
                *unit(wide, outputs, 1, 1, 1, False),
            )
            self.residual = stride == 1 and inputs == outputs

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.body(x) if self.residual else self.body(x)

    layers, channels = unit(3, 32, 3, 2, 1, True), 32
    for t, c, n, s in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                       (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:  # fmt: skip
        for repeat in range(n):
            layers.append(Block(channels, c, s if repeat == 0 else 1, t))
            channels = c
    layers += unit(320, 1280, 1, 1, 1, True)
    layers += [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(1280, 1000)]
    network = torch.nn.Sequential(*layers).eval()
    state = torch.load(file, weights_only=True)
    mine = network.state_dict()
    assert [v.shape for v in mine.values()] == [v.shape for v in state.values()]
    network.load_state_dict(dict(zip(mine, state.values(), strict=True)))
    with torch.no_grad():
        return network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()


def main() -> None:
    import ai_edge_litert
    import torch

    engines = {
        "v1": (litert_v1, "tf-slim", f"LiteRT {ai_edge_litert.__version__}"),
        "v2": (torch_v2, "torchvision", f"PyTorch {torch.__version__}"),
    }
    for model, (engine, recipe, version) in engines.items():
        file = fetch(entry(model))
        tensors = {}
        for name, pixels in photos().items():
            x = preprocess(pixels, recipe).astype(np.float16)
            tensors[f"{name}.input"] = x
            tensors[f"{name}.logits"] = engine(x.astype(np.float32), file).astype(np.float32)
        about = {
            "made_by": "python tests/data/make_engine_answers.py",
            "engine": version,
            "ran": entry(model).upstream,
            "inputs": f"recipe {recipe}, rounded to float16",
        }
        save_file(tensors, HERE / f"engine_answers_{model}.safetensors",
                  metadata={"about": json.dumps(about, sort_keys=True)})  # fmt: skip
        for name in photos():
            print(model, name, version, tensors[f"{name}.logits"].argmax())


if __name__ == "__main__":
    main()
