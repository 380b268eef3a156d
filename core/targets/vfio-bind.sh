#!/bin/sh
# Written by vfio-wizard: gives the chosen PCI devices to vfio-pci.
#
#   vfio-bind --early [OPTION=VALUE]...
#       Loads vfio-pci; modprobe runs this in its place (modprobe.d, "install").  Before that, every
#       chosen device gets its driver override, so that no other driver can take it.
#   vfio-bind ADDRESS=VENDOR:DEVICE:SUBVENDOR:SUBDEVICE...
#       Run by vfio-bind.service: moves what another driver holds, and fails if a device is not on
#       vfio-pci in the end.
#   vfio-bind --give-back
#       Lets the host have the chosen devices until the next boot, where no guest uses them.
#
# A device is taken only where the ids at its address are the expected ones and, if another card has
# them too, where it is in the slot that was chosen; otherwise it stays with the host, and the kernel
# log says why.  Shell built-ins and modprobe only: the initramfs has no more.
# With its path: busybox sh would take its own modprobe, which knows no --ignore-install.
modprobe=/sbin/modprobe
config=/etc/sysconfig/vfio-bind
pci=/sys/bus/pci
cmdline=/proc/cmdline
snapshots=/var/lib/vfio-wizard/snapshots

say() {
	echo "vfio-bind: $*" >&2
	{ echo "vfio-bind: $*" >/dev/kmsg; } 2>/dev/null
}

# Sets $devices and $places from the configuration.
read_config() {
	devices=
	places=
	[ -r "$config" ] || return 0
	while read -r line || [ -n "$line" ]; do
		case $line in
		DEVICES=\"*\")
			devices=${line#DEVICES=\"}
			devices=${devices%\"}
			;;
		PLACES=\"*\")
			places=${line#PLACES=\"}
			places=${places%\"}
			;;
		esac
	done <"$config"
}

# ids DEVICE: sets $found to VENDOR:DEVICE:SUBVENDOR:SUBDEVICE.
ids() {
	found=
	for id in vendor device subsystem_vendor subsystem_device; do
		read -r value <"$1/$id" || value=unreadable
		found=$found:${value#0x}
	done
	found=${found#:}
}

# place ADDRESS: sets $path and $group to what they were when it was chosen, "" where that is not known.
place() {
	path=
	group=
	for word in $places; do
		case $word in
		"$1"=*,*)
			group=${word##*,}
			path=${word#*=}
			path=${path%,*}
			;;
		"$1"=*) path=${word#*=} ;;
		esac
	done
}

# where DEVICE: sets $now to its way from the root bus, 0000:00:01.0/00.0.
where() {
	now=$(cd -P "$1" 2>/dev/null && echo "$PWD")
	now=${now##*/pci}
	now=${now#*/}
	rest=${now#*/}
	[ "$rest" = "$now" ] && rest=
	now=${now%%/*}
	while [ -n "$rest" ]; do
		part=${rest%%/*}
		now=$now/${part##*:}
		case $rest in
		*/*) rest=${rest#*/} ;;
		*) rest= ;;
		esac
	done
}

# is_chosen ADDRESS=IDS
is_chosen() {
	case " $devices " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# slot_is_chosen IDS: a card with these ids was chosen in the slot $now, under whatever address.
slot_is_chosen() {
	for word in $places; do
		slot=${word#*=}
		[ "${slot%,*}" = "$now" ] && is_chosen "${word%%=*}=$1" && return 0
	done
	return 1
}

# has_twin IDS: another device than $device has them as well.
has_twin() {
	for other in "$pci"/devices/*; do
		[ "$other" = "$device" ] && continue
		ids "$other"
		[ "$found" = "$1" ] && return 0
	done
	return 1
} 2>/dev/null

# find_card IDS: sets $elsewhere to ", it is now at ADDRESS" where the slot says so, to ", its ids are
# now at ADDRESS" where only one such card is left, to "" else.
find_card() {
	at=
	for other in "$pci"/devices/*; do
		ids "$other"
		[ "$found" = "$1" ] || continue
		is_chosen "${other##*/}=$1" && continue
		where "$other"
		if [ -n "$path" ] && [ "$now" = "$path" ]; then
			elsewhere=", it is now at ${other##*/}"
			return
		fi
		at="$at ${other##*/}"
	done
	case ${at# } in
	'' | *' '*) elsewhere= ;;
	*) elsewhere=", its ids are now at ${at# }" ;;
	esac
} 2>/dev/null

# check ADDRESS=IDS: sets $address and $device; fails, and says why, where the device must be left alone.
check() {
	address=${1%%=*}
	device=$pci/devices/$address
	case $address in
	'' | *[!0-9a-f:.]*)
		say "'$1' is not ADDRESS=VENDOR:DEVICE:SUBVENDOR:SUBDEVICE; nothing is bound for it"
		return 1
		;;
	esac
	place "$address"
	if [ ! -e "$device/vendor" ]; then
		find_card "${1#*=}"
		say "$address: no device there$elsewhere; nothing is bound"
		return 1
	fi
	ids "$device"
	if [ "$found" != "${1#*=}" ]; then
		there=$found
		find_card "${1#*=}"
		say "$address: found $there where ${1#*=} was chosen$elsewhere; nothing is bound"
		return 1
	fi
	where "$device"
	if [ -n "$path" ] && ! slot_is_chosen "$found" && has_twin "$found"; then
		find_card "${1#*=}"
		say "$address: a card with the same ids, but the chosen one was at $path$elsewhere;" \
			"nothing is bound"
		return 1
	fi
	if [ ! -e "$device/iommu_group" ]; then
		say "$address: in no IOMMU group (is the IOMMU on?); it stays with the host"
		return 1
	fi
}

# A number does not matter here, but files of the person's may name it.
check_group() {
	now=$(cd -P "$device/iommu_group" 2>/dev/null && echo "${PWD##*/}")
	if [ -n "$group" ] && [ "$now" != "$group" ]; then
		say "$address: its IOMMU group was $group and is $now now: /dev/vfio/$now"
	fi
}

# A recovery boot is a way back: there every device stays with the host.
is_recovery() {
	read -r words <"$cmdline" || return 1
	for word in $words; do
		case $word in
		single | s | S | 1 | recovery | rescue | emergency | -b | \
			systemd.unit=rescue.target | systemd.unit=emergency.target | \
			BOOT_IMAGE=*/vmlinuz-0-rescue-*)
			say "'$word' on the kernel command line: every device stays with the host"
			return 0
			;;
		esac
	done
	return 1
} 2>/dev/null

# Lets the host's driver have the device again.
give_back() {
	echo >"$device/driver_override"
	echo "$address" >$pci/drivers_probe
} 2>/dev/null

# The device is on vfio-pci or on one of its variants (mlx5_vfio_pci, ...).
is_bound() {
	for driver in "$pci"/drivers/*vfio*; do
		[ -e "$driver/$address" ] && return 0
	done
	return 1
}

early() {
	read_config
	if is_recovery; then
		devices=
		set -- "$@" ids= # the last ids= counts: none
	fi
	for item in $devices; do
		check "$item" && echo vfio-pci >"$device/driver_override"
	done
	$modprobe --ignore-install vfio-pci "$@" && return 0
	status=$?
	say "vfio-pci cannot be loaded; every device stays with the host"
	for item in $devices; do
		check "$item" 2>/dev/null && give_back
	done
	return $status
}

bind() {
	check "$1" || return 1
	check_group
	is_bound && return 0
	echo vfio-pci >"$device/driver_override" || return 1
	if [ -e "$device/driver" ]; then
		echo "$address" >"$device/driver/unbind"
	fi
	echo "$address" >$pci/drivers_probe
	is_bound && return 0
	say "$address: vfio-pci did not take it; it goes back to the host"
	give_back
	return 1
}

# The opposite of bind(); ids= must not take it again, and its driver may not be loaded.
release() {
	check "$1" && is_bound || return 0
	ids "$device"
	# shellcheck disable=SC2086 # four words
	(IFS=: && set -- $found && IFS=' ' && echo "$*") >$pci/drivers/vfio-pci/remove_id
	echo >"$device/driver_override"
	echo "$address" >"$device/driver/unbind"
	echo add >"$device/uevent"
	give_back
} 2>/dev/null

# Says so when the newest change that did not go back by itself never came to its end: by the number, since
# clocks go backwards.
say_interrupted() {
	newest=0 state=
	for dir in "$snapshots"/*-*-*; do
		number=${dir##*-}
		case $number in
		'' | *[!0-9]* | ???????????*) continue ;;
		esac
		[ "$number" -gt "${newest##*-}" ] || continue
		word=
		[ -r "$dir/state" ] && read -r word <"$dir/state"
		[ "$word" = rolled-back ] || newest=${dir##*/} state=$word
	done
	[ "$state" = pending ] || return 0
	say "change $newest was cut short: run vfio-wizard recover"
}

if [ "$1" = --early ]; then
	shift
	early "$@"
	exit
fi
if [ "$1" = --give-back ]; then
	read_config
	for item in $devices; do
		release "$item"
	done
	exit
fi
say_interrupted
is_recovery && exit 0
if [ $# = 0 ]; then
	say "no device is chosen"
	exit 1
fi
read_config
$modprobe vfio-pci || exit 1
status=0
for item in "$@"; do
	bind "$item" || status=1
done
exit $status
