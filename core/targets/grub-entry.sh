#!/bin/sh
# Written by vfio-wizard: a last entry of the boot menu that starts the host without passthrough.
# It is the normal entry, or the one that GRUB_DEFAULT names (a kernel that is pinned), with vfio-pci
# kept from loading.  A menu without it is no worse than before.
linux=/etc/grub.d/10_linux
[ -x "$linux" ] || exit 0
GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT module_blacklist=vfio_pci vfio-pci.ids="
export GRUB_CMDLINE_LINUX_DEFAULT
entries=$("$linux" 2>/dev/null)

# entry PATTERN: the first whose line has that, with a name and an id of its own.
entry() {
	printf '%s\n' "$entries" | sed -n "
	/^[ 	]*menuentry .*$1/,/^[ 	]*}/ {
		s/^[ 	]*menuentry '\([^']*\)'/menuentry '\1, without passthrough'/
		s/\(menuentry_id_option\) '[^']*'/\1 'gnulinux-without-passthrough'/
		p
		/^[ 	]*}/q
	}"
}

wanted=$(printf '%s\n' "${GRUB_DEFAULT##*>}" | sed 's,[][/.*^$\\],\\&,g')
found=
[ -z "$wanted" ] || found=$(entry "'$wanted'")
printf '%s\n' "${found:-$(entry "")}"
exit 0
