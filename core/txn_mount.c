#include "core/txn.h"

#include "core/txn_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

static unsigned long flags_of(const struct statvfs *fs)
{
	static const struct {
		unsigned long of, to;
	} flags[] = {
		{ST_NOSUID, MS_NOSUID},
		{ST_NODEV, MS_NODEV},
		{ST_NOEXEC, MS_NOEXEC},
		{ST_NOATIME, MS_NOATIME},
		{ST_RELATIME, MS_RELATIME},
	};
	unsigned long ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (fs->f_flag & flags[i].of)
			ret |= flags[i].to;
	return ret;
}

/* Read-only can be the file system or this one mount of it. */
static int remount(const char *path)
{
	static const unsigned long whats[] = {MS_REMOUNT, MS_REMOUNT | MS_BIND};
	struct statvfs fs;

	for (size_t i = 0; i < ARRAY_SIZE(whats); i++) {
		if (statvfs(path, &fs) < 0)
			return -errno;
		if (!(fs.f_flag & ST_RDONLY))
			return 0;
		if (mount(NULL, path, NULL, whats[i] | flags_of(&fs), NULL) < 0)
			return -errno;
	}
	return statvfs(path, &fs) < 0 || fs.f_flag & ST_RDONLY ? -EROFS : 0;
}

/* On the running system, to its end. */
static int run_here(const char *const words[], const char *doing, struct error *err)
{
	_cleanup_(root_closep) struct root *live = NULL;
	_cleanup_(strv_free) struct strv argv = {0};
	_cleanup_(str_free) struct str said = {0};
	struct txn_run run;
	int code = 0, r = root_open("/", NULL, &live, err);

	for (size_t i = 0; r == 0 && words[i]; i++)
		r = strv_add(&argv, words[i]);
	if (r == 0)
		r = txn_run_start(&run, live, &argv, -EBADF, err);
	if (r < 0)
		return r;
	for (;;) {
		const char *line;
		enum txn_run_result result = txn_run_step(&run, &line, &code);

		if (result == TXN_RUN_ENDED)
			break;
		if (result == TXN_RUN_LINE)
			str_addf(&said, " %s", line);
		else
			(void)poll(&(struct pollfd){.fd = run.poll, .events = POLLIN}, 1, -1);
	}
	return code ? error_set(err, -EIO, "%s failed:%s", doing, said.s ? said.s : "") : 0;
}

/* mount(8) knows what UUID= and LABEL= name. */
static int run_mount(const struct rescue_item *item, const char *target, struct error *err)
{
	const char *const words[] = {"/bin/mount", "-t", item->type, item->source, target,
		item->options[0] ? "-o" : NULL, item->options, NULL};
	_cleanup_(str_free) struct str doing = {0};

	str_addf(&doing, "mounting %s", target);
	return run_here(words, doing.s ? doing.s : "mounting", err);
}

int txn_give_back(struct error *err)
{
	static const char *const words[] = {"/usr/local/bin/vfio-bind", "--give-back", NULL};

	return run_here(words, "giving the devices back", err);
}

int txn_mount(const struct root *root, const struct rescue_item *item, struct error *err)
{
	_cleanup_free_ char *target = NULL;
	int r = 0;

	if (asprintf(&target, "%s%s", root_is_live(root) ? "" : root_path(root), item->point) < 0) {
		target = NULL;
		return error_no_memory(err);
	}
	switch (item->kind) {
	case RESCUE_KERNEL:
		r = mount(item->source, target, item->type, MS_NOSUID, NULL) < 0 ? -errno : 0;
		break;
	case RESCUE_READ_ONLY:
		r = remount(target);
		break;
	case RESCUE_FILE_SYSTEM:
		return run_mount(item, target, err);
	}
	return r < 0 ? txn_fail(err, r, target, "mounting it") : 0;
}
