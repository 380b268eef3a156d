/* What a host uses its devices for, added to a tree that has the device. */
#include "tests/mktree.h"
#include "tests/mktree_out.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROOT_UUID "7f1d2a64-9c1e-4b53-8f0e-2d5c5f0b9a11"
#define SWAP_UUID "c2b0a3d8-5f0e-4d0b-9a0e-6a1f7f2d4e52"

/* Where a disk of that name sits below its controller, and its major number. */
static const char *place_of(const char *disk, unsigned int *major)
{
	bool nvme = strncmp(disk, "nvme", 4) == 0;

	*major = nvme ? 259 : 8;
	return nvme ? "nvme/nvme0" : "ata1/host0/target0:0:0/0:0:0:0/block";
}

static void write_mounts(struct mktree_out *o, const char *partition, unsigned int major)
{
	mktree_out_printf(o, "proc/self/mountinfo",
		"22 28 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw\n"
		"23 28 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw\n"
		"28 1 %u:2 / / rw,relatime shared:1 - ext4 /dev/%s2 rw,errors=remount-ro\n",
		major, partition);
	mktree_out_printf(
		o, "proc/mounts", "/dev/%s2 / ext4 rw,relatime,errors=remount-ro 0 0\n", partition);
	mktree_out_printf(o, "proc/swaps",
		"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		"/dev/%s3 partition\t999420\t\t0\t\t-2\n",
		partition);
	mktree_out_symlink(o, "dev/disk/by-uuid/" ROOT_UUID, PATH("../../%s2", partition));
	mktree_out_symlink(o, "dev/disk/by-uuid/" SWAP_UUID, PATH("../../%s3", partition));
}

int mktree_disk(const char *dir, const char *address, const char *name)
{
	unsigned int major;
	const char *place = place_of(name, &major);
	struct mktree_path partition = mktree_out_path("%s%s", name, major == 259 ? "p" : "");
	struct mktree_out o;
	int r = mktree_attach(dir, address, PATH("block:%s/%s@%u:0", place, name, major));

	for (unsigned int i = 1; i <= 3 && r == 0; i++)
		r = mktree_attach(dir, address,
			PATH("block:%s/%s/%s%u@%u:%u", place, name, partition.s, i, major, i));
	if (r < 0)
		return r;
	o = mktree_out_open(dir);
	write_mounts(&o, partition.s, major);
	return mktree_out_close(&o);
}

int mktree_network(const char *dir, const char *address, const char *name)
{
	int r = mktree_attach(dir, address, PATH("net:net/%s", name));
	struct mktree_out o;

	if (r < 0)
		return r;
	o = mktree_out_open(dir);
	mktree_out_text(&o, PATH("sys/class/net/%s/operstate", name), "up\n");
	mktree_out_printf(&o, "proc/net/route",
		"Iface\tDestination\tGateway "
		"\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
		"%s\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
		"%s\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n",
		name, name);
	return mktree_out_close(&o);
}
