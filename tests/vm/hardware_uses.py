"""The hardware of the kind "uses": one of everything that a host may need, each alone where a
card can be."""

VGA = "0000:00:01.0"
ROOT_DISK = "0000:00:1f.2"
SMBUS = "0000:00:1f.3"             # in the group of the root disk's controller
SPARE_NIC = "0000:01:00.0"
MOUNTED_NVME = "0000:02:00.0"
BRIDGED_NIC = "0000:03:01.0"       # its neighbour is in its group
BRIDGED_NEIGHBOUR = "0000:03:02.0"
NIC = "0000:04:00.0"               # below the bond below the bridge
IDLE_NVME = "0000:05:00.0"
XHCI = "0000:00:07.0"
AUDIO = "0000:00:0a.0"

# Without the PS/2 controller the keyboard on USB is the only one.
ARGUMENTS = """
-M q35,kernel-irqchip=split,i8042=off -accel tcg,thread=multi -cpu max -smp 2 -m 1536
-nodefaults -display none -no-reboot -vga std
-device intel-iommu,intremap=on
-device pcie-root-port,id=rp1,chassis=1,slot=1,addr=4.0
-device pcie-root-port,id=rp2,chassis=2,slot=2,addr=5.0
-device pcie-pci-bridge,id=br1,addr=6.0
-device qemu-xhci,id=xhci,addr=7.0 -device usb-kbd,bus=xhci.0
-device pcie-root-port,id=rp3,chassis=3,slot=3,addr=8.0
-device pcie-root-port,id=rp4,chassis=4,slot=4,addr=9.0
-device ich9-intel-hda,addr=a.0 -audiodev none,id=none -device hda-duplex,audiodev=none
-netdev user,id=n0,restrict=on -netdev user,id=n1,restrict=on
-netdev user,id=n2,restrict=on -netdev user,id=n3,restrict=on
-device e1000e,bus=rp1,netdev=n0 -device e1000e,bus=rp3,netdev=n1
-device rtl8139,bus=br1,addr=1,netdev=n2 -device e1000,bus=br1,addr=2,netdev=n3
-drive if=none,id=mounted,format=raw,file={directory}/mounted.img
-device nvme,serial=mounted,bus=rp2,drive=mounted
-drive if=none,id=idle,format=raw,file={directory}/idle.img
-device nvme,serial=idle,bus=rp4,drive=idle
"""
