#include "core/txn.h"

#include "core/txn_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int put(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

int txn_save(const char *path, const char *text, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int r = fd < 0 ? -errno : put(fd, text);

	if (r == -EEXIST)
		return error_set(err, r, "%s is there already; name another file", path);
	if (r < 0 && fd >= 0)
		(void)unlink(path);
	return r < 0 ? txn_fail(err, r, path, "writing it") : 0;
}
