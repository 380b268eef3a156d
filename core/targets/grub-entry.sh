#!/bin/sh
# Written by vfio-wizard: a last entry of the boot menu that starts the host without passthrough.
# It is the normal entry, with vfio-pci kept from loading.  A menu without it is no worse than before.
linux=/etc/grub.d/10_linux
[ -x "$linux" ] || exit 0
GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT module_blacklist=vfio_pci vfio-pci.ids="
export GRUB_CMDLINE_LINUX_DEFAULT
"$linux" 2>/dev/null | sed -n "
	/^menuentry /,/^}/ {
		s/^menuentry '\([^']*\)'/menuentry '\1, without passthrough'/
		s/gnulinux-simple/gnulinux-without-passthrough/
		p
		/^}/q
	}"
exit 0
