/* What a guest's definition says for the chosen devices, ready to paste.  Pure. */
#ifndef CORE_GUEST_H
#define CORE_GUEST_H

#include "core/choice.h"
#include "core/machine.h"

enum guest_format {
	GUEST_LIBVIRT,               /* <hostdev> elements of the domain XML */
	GUEST_QEMU,                  /* arguments of qemu-system-x86_64 with -machine q35 */
	GUEST_PROXMOX,               /* hostpciN: lines of a guest's configuration */
};

/* "libvirt", "qemu", "proxmox"; NULL: no such format. */
const char *guest_format_name(unsigned format);

/* The functions of one card stay together, as one card of the guest.  A device that is chosen and not
 * there is said in a comment.  Appended to *out, plain printable text.  0 or -ENOMEM. */
int guest_describe(const struct machine *machine, const struct choice *choice,
	enum guest_format format, struct str *out);

#endif
