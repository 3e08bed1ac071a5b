"""13 FC-DenseNet: are the parameters better spent?"""

from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.models.unet import UNet
from studies import Claim, Protocol, Study, Way

STUDY = Study(
    lesson="13",
    question="Are the parameters better spent?",
    # by val, of 4e-3, 1e-2 and 2e-2 the best for FC-DenseNet, and of the first two for U-Net
    protocol=Protocol(lr=1e-2),
    ways={
        "FC-DenseNet": Way(
            build=lambda: FCDenseNet(
                num_classes=11, layers=(1, 2, 2), growth_rate=12, stem_channels=16, dropout=0
            ),
            keep=True,
        ),
        "U-Net, as many parameters": Way(build=lambda: UNet(num_classes=11, widths=(13, 26, 38))),
        "U-Net, as many seconds": Way(build=lambda: UNet(num_classes=11, widths=(16, 32, 64, 128))),
    },
    claims=(
        Claim("FC-DenseNet", "U-Net, as many parameters"),
        Claim("FC-DenseNet", "U-Net, as many seconds"),
    ),
)
