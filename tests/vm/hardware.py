"""The machine's hardware: two identical cards, a shared group, a disk that the host needs."""

# The cards, as the guest sees them.
ROOT_DISK = "0000:00:1f.2"
CHOSEN_NIC = "0000:04:00.0"
TWIN_NIC = "0000:01:00.0"
NVME = "0000:02:00.0"
BRIDGED_NIC = "0000:03:02.0"
BRIDGED_NEIGHBOUR = "0000:03:01.0"

# The drivers that the host gives them by itself.
HOST_DRIVERS = {
    CHOSEN_NIC: "e1000e", TWIN_NIC: "e1000e", NVME: "nvme", ROOT_DISK: "ahci",
    BRIDGED_NIC: "e1000",
}

# Bus numbers follow from the order: rp1 is bus 1, rp2 bus 2, the PCI bridge bus 3, rp3
# bus 4. Software emulation only: a nested KVM has other devices and other timings.
ARGUMENTS = """
-M q35,kernel-irqchip=split -accel tcg,thread=multi -cpu max -smp 2 -m 1536
-nodefaults -display none -no-reboot -vga std
-device intel-iommu,intremap=on
-device pcie-root-port,id=rp1,chassis=1,slot=1,addr=4.0
-device pcie-root-port,id=rp2,chassis=2,slot=2,addr=5.0
-device pcie-pci-bridge,id=br1,addr=6.0
-device qemu-xhci,addr=7.0,multifunction=on -device ich9-intel-hda,addr=7.1
-device pcie-root-port,id=rp3,chassis=3,slot=3,addr=8.0
-netdev user,id=n0,restrict=on -netdev user,id=n1,restrict=on
-netdev user,id=n2,restrict=on -netdev user,id=n3,restrict=on
-device e1000e,bus=rp1,netdev=n0 -device e1000e,bus=rp3,netdev=n1
-drive if=none,id=d1,driver=raw,file.driver=null-co,file.size=67108864
-device nvme,serial=a,bus=rp2,drive=d1
-device rtl8139,bus=br1,addr=1,netdev=n2 -device e1000,bus=br1,addr=2,netdev=n3
"""
