#include "tests/support_uses.h"

#include "tests/mktree.h"
#include "tests/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char facts[] =
	"title t\nsource s\niommu yes\nunits dmar0\n" VGA " 8086:0102 - 030000 09 1 i915 boot_vga\n"
	"0000:00:1c.0 8086:1c10 - 060400 b4 2 pcieport\n"
	"0000:00:1d.0 8086:1c11 - 060400 b4 3 pcieport\n" USB
	" 8086:1e31 - 0c0330 04 4 xhci_hcd child=block:usb1/1-1/host6/block/sdz@65:144\n" SATA
	" 8086:1c02 - 010601 04 5 ahci child=block:ata1/host0/block/sda@8:0"
	" child=block:ata1/host0/block/sda/sda1@8:1 child=block:ata2/host1/block/sdb@8:16\n" NVME
	" 144d:a808 - 010802 00 6 nvme parent=0000:00:1c.0"
	" child=block:nvme/nvme0/nvme0n1@259:0 child=block:nvme/nvme0/nvme0n1/nvme0n1p1@259:1"
	" child=block:nvme/nvme0/nvme0n1/nvme0n1p2@259:2\n" NIC
	" 8086:10d3 - 020000 00 7 e1000e parent=0000:00:1d.0 child=net:net/eth0\n";

void uses_link(const char *dir, const char *path, const char *text)
{
	_cleanup_free_ char *full = NULL, *keep = NULL;

	/* support_put() for the directories above. */
	assert_true(asprintf(&keep, "%s.", path) > 0);
	support_put(dir, keep, "");
	assert_true(asprintf(&full, "%s%s.", dir, path) > 0);
	assert_int_equal(unlink(full), 0);
	full[strlen(full) - 1] = '\0';
	assert_int_equal(symlink(text, full), 0);
}

void uses_partition(struct uses_host *f, const char *name)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "/sys/class/block/%s/partition", name) > 0);
	support_put(f->dir, path, "1\n");
}

void uses_stacked(struct uses_host *f, const char *name, const char *number, ...)
{
	_cleanup_free_ char *class = NULL, *dev = NULL, *to = NULL;
	const char *below;
	va_list ap;

	assert_true(asprintf(&class, "/sys/class/block/%s", name) > 0);
	assert_true(asprintf(&dev, "/sys/dev/block/%s", number) > 0);
	assert_true(asprintf(&to, "../../devices/virtual/block/%s", name) > 0);
	uses_link(f->dir, class, to);
	uses_link(f->dir, dev, to);
	va_start(ap, number);
	while ((below = va_arg(ap, const char *))) {
		_cleanup_free_ char *slave = NULL, *target = NULL;

		assert_true(asprintf(&slave, "/sys/devices/virtual/block/%s/slaves/%s", name,
				    below) > 0);
		assert_true(asprintf(&target, "../../../../../class/block/%s", below) > 0);
		uses_link(f->dir, slave, target);
	}
	va_end(ap);
}

int uses_setup(void **state)
{
	struct uses_host *f = calloc(1, sizeof(*f));
	_cleanup_free_ char *path = NULL;

	assert_non_null(f);
	f->dir = support_scratch();
	support_put(f->dir, "/facts", facts);
	assert_true(asprintf(&path, "%s/facts", f->dir) > 0);
	assert_int_equal(mktree_machine(path, f->dir), 0);
	uses_partition(f, "sda1");
	uses_partition(f, "nvme0n1p1");
	uses_partition(f, "nvme0n1p2");
	*state = f;
	return 0;
}

int uses_teardown(void **state)
{
	struct uses_host *f = *state;

	machine_free(f->machine);
	root_close(f->root);
	support_remove(f->dir);
	free(f);
	return 0;
}

void uses_scan(struct uses_host *f)
{
	struct error err = {0};

	if (root_open(f->dir, NULL, &f->root, &err) < 0 ||
		machine_scan(f->root, MACHINE_USES, &f->machine, &err) < 0)
		fail_msg("%s", err.text);
}

void uses_mounts(struct uses_host *f, const char *text)
{
	support_put(f->dir, "/proc/self/mountinfo", text);
	uses_scan(f);
}

void uses_made(struct uses_host *f, const char *address, const char *class, const char *below)
{
	_cleanup_free_ char *child = NULL;

	assert_true(asprintf(&child, "%s:%s", class, below) > 0);
	assert_int_equal(mktree_attach(f->dir, address, child), 0);
}

void uses_made_elsewhere(
	struct uses_host *f, const char *class, const char *name, const char *below)
{
	_cleanup_free_ char *entry = NULL, *to = NULL, *file = NULL;

	assert_true(asprintf(&entry, "/sys/class/%s/%s", class, name) > 0);
	assert_true(asprintf(&to, "../../devices/%s", below) > 0);
	assert_true(asprintf(&file, "/sys/devices/%s/uevent", below) > 0);
	support_put(f->dir, file, "");
	uses_link(f->dir, entry, to);
}

bool uses_is_unknown(const struct uses_host *f, const char *what, const char *reason)
{
	for (size_t i = 0; i < f->machine->n_unknown_uses; i++)
		if (strcmp(f->machine->unknown_uses[i].what, what) == 0)
			return strstr(f->machine->unknown_uses[i].reason, reason) != NULL;
	return false;
}

size_t uses_count(const struct uses_host *f, const char *address, enum use_kind kind)
{
	const struct device *device = machine_device(f->machine, address);
	size_t n = 0;

	for (size_t i = 0; i < device->n_uses; i++)
		n += device->uses[i].kind == kind;
	return n;
}

void uses_says(const struct uses_host *f, const char *address, enum use_kind kind, const char *text)
{
	const struct device *device = machine_device(f->machine, address);

	for (size_t i = 0; i < device->n_uses; i++)
		if (device->uses[i].kind == kind && strcmp(device->uses[i].text, text) == 0)
			return;
	for (size_t i = 0; i < device->n_uses; i++)
		print_message(
			"%s: %d %s\n", address, (int)device->uses[i].kind, device->uses[i].text);
	fail_msg("%s: nothing says '%s'", address, text);
}

const char *uses_of(const struct uses_host *f, const char *address, enum use_kind kind)
{
	const struct device *device = machine_device(f->machine, address);

	assert_non_null(device);
	for (size_t i = 0; i < device->n_uses; i++)
		if (device->uses[i].kind == kind)
			return device->uses[i].text;
	return NULL;
}

void uses_only(const struct uses_host *f, enum use_kind kind, ...)
{
	size_t expected = 0, found = 0;
	const char *address;
	va_list ap;

	va_start(ap, kind);
	while ((address = va_arg(ap, const char *))) {
		if (!uses_of(f, address, kind))
			fail_msg("%s has no use %d", address, (int)kind);
		expected++;
	}
	va_end(ap);
	for (size_t i = 0; i < f->machine->n_devices; i++)
		found += uses_of(f, f->machine->devices[i].address, kind) != NULL;
	assert_int_equal(found, expected);
}
