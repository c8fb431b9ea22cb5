import pytest

from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.model.precision import Gpu, Precision, choose_precision, decide_precision

V100 = Gpu("Tesla V100-SXM2-32GB", (7, 0))
H200 = Gpu("NVIDIA H200", (9, 0))
# torch._C._cuda_getArchFlags() of the builds on PyPI.
TORCH_2_10 = ["sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
TORCH_2_13 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]


def decide(gpu, *, device="auto", precision="auto", architectures=TORCH_2_10) -> Precision:
    return decide_precision(
        gpu,
        device=device,
        precision=precision,
        architectures=architectures,
        torch_version="2.10.0+cu128",
    )


@pytest.mark.parametrize(
    ("gpu", "precision", "expected"),
    [
        (V100, "auto", ("cuda", "float16", "sdpa")),
        (V100, "fp32", ("cuda", "float32", "sdpa")),
        (H200, "auto", ("cuda", "bfloat16", "sdpa")),
        (H200, "fp16", ("cuda", "float16", "sdpa")),
        (Gpu("T4", (7, 5)), "auto", ("cuda", "float16", "sdpa")),
        (Gpu("RTX 3090", (8, 6)), "auto", ("cuda", "bfloat16", "sdpa")),
        (None, "auto", ("cpu", "float32", "sdpa")),
        (None, "bf16", ("cpu", "bfloat16", "sdpa")),
    ],
)
def test_format_follows_the_gpu(gpu, precision, expected):
    decision = decide(gpu, precision=precision)

    assert decision[:3] == expected
    assert "\n" not in decision.reason


def test_reason_names_the_gpu_and_why():
    assert (
        decide(V100).reason
        == "float16 with SDPA attention on Tesla V100-SXM2-32GB: sm_70 has no bf16"
    )
    assert decide(None).reason == "float32 with SDPA attention on the CPU: no CUDA GPU found"


def test_cpu_can_be_asked_for_on_a_machine_with_a_gpu():
    assert decide(H200, device="cpu").device == "cpu"


V100_LINE = "pip install 'vsdkit[v100]'"
NEWER_LINE = "pip install --upgrade torch"
OLDER_LINE = "install a torch below 2.11 built for CUDA 12.6: pytorch.org, previous versions"


@pytest.mark.parametrize(
    ("capability", "architectures", "version", "line"),
    [
        # Too old for this torch.
        ((7, 0), TORCH_2_13, "2.13.0", V100_LINE),
        ((7, 0), TORCH_2_13, "2.15.0+cu132", V100_LINE),
        ((7, 0), TORCH_2_13, "2.11.0a0+git1234", V100_LINE),
        ((7, 2), TORCH_2_13, "2.13.0", V100_LINE),
        # The range of the extra, so pip would find nothing to do.
        ((7, 0), TORCH_2_13, "2.10.0+cu130", "pip install --force-reinstall 'torch<2.11'"),
        ((6, 1), TORCH_2_10, "2.10.0+cu128", OLDER_LINE),
        ((5, 2), TORCH_2_13, "2.15.0", OLDER_LINE),
        # Too new for it.
        ((12, 0), ["sm_80", "sm_90"], "2.6.0+cu124", NEWER_LINE),
        ((10, 3), ["sm_90a"], "2.6.0", NEWER_LINE),
        ((15, 0), TORCH_2_13, "2.15.0", NEWER_LINE),
        ((9, 0), ["sm_80"], "2.6.0", NEWER_LINE),
        # Code for no GPU at all.
        ((7, 0), [], "2.13.0", NEWER_LINE),
        ((9, 0), ["gfx90a", "sm_", ""], "2.13.0", NEWER_LINE),
    ],
)
def test_torch_without_code_for_the_gpu_is_named_with_the_line_to_type(
    capability, architectures, version, line
):
    gpu = Gpu("some GPU", capability)
    with pytest.raises(CheckpointError, match="no code for the GPU some GPU") as caught:
        decide_precision(
            gpu,
            device="auto",
            precision="auto",
            architectures=architectures,
            torch_version=version,
        )

    assert caught.value.hint == line
    assert version in caught.value.where


def test_gpu_and_what_torch_was_built_for_are_named():
    with pytest.raises(
        CheckpointError, match=r"GPU Tesla V100-SXM2-32GB \(sm_70\).*built for sm_75, sm_80, sm_86"
    ):
        decide(V100, architectures=TORCH_2_13)


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((8, 9), ["sm_80"], True),
        ((9, 0), ["sm_80"], False),
        ((9, 0), ["compute_80"], True),
        ((7, 0), ["sm_75"], False),
        ((9, 0), ["sm_90a"], True),
        ((10, 3), ["sm_90a"], False),
        ((12, 0), ["sm_100", "sm_120"], True),
        ((12, 1), ["sm_120"], True),
        ((7, 0), [], False),
    ],
)
def test_code_runs_on_later_gpus_of_the_same_family(capability, architectures, runs):
    gpu = Gpu("a GPU", capability)
    if runs:
        assert decide(gpu, architectures=architectures).device == "cuda"
    else:
        with pytest.raises(CheckpointError, match="no code"):
            decide(gpu, architectures=architectures)


@pytest.mark.parametrize(
    ("gpu", "device", "precision", "message"),
    [
        (V100, "auto", "bf16", "has no bf16"),
        (None, "cuda", "auto", "no CUDA GPU found"),
        (None, "auto", "fp16", "fp16 does not run on the CPU"),
    ],
)
def test_what_cannot_run_is_refused(gpu, device, precision, message):
    with pytest.raises(ConfigError, match=message):
        decide(gpu, device=device, precision=precision)


def test_this_machine_gets_a_torch_type():
    import torch

    assert choose_precision("cpu").dtype is torch.float32
    assert choose_precision("cpu", "bf16").dtype is torch.bfloat16
