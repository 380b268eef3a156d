#include "core/txn_private.h"

#include <errno.h>

int txn_known_make(const struct snapshot *s, struct txn_known **ret, struct error *err)
{
	struct txn_known *known = calloc(s->n_files + 1, sizeof(*known));

	if (!known)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < s->n_files; i++)
		known[i].content = &s->files[i].before;
	*ret = known;
	return 0;
}

void txn_known_free(const struct snapshot *s, struct txn_known *known)
{
	for (size_t i = 0; known && i < s->n_files; i++)
		content_free(&known[i].left);
	free(known);
}

void txn_known_mark(const struct root *root, const struct snapshot *s, struct txn_known *known)
{
	for (size_t i = 0; i < s->n_files; i++) {
		_cleanup_(content_free) struct content now = {0};

		known[i].so = content_read(root, s->files[i].path, true, NULL, &now, NULL) == 0 &&
			      content_same(&now, known[i].content);
	}
}

void txn_known_learn(const struct root *root, const struct snapshot *s, struct txn_known *known)
{
	for (size_t i = 0; i < s->n_files; i++) {
		_cleanup_(content_free) struct content now = {0};

		if (!known[i].so ||
			content_read(root, s->files[i].path, true, NULL, &now, NULL) < 0)
			continue;
		if (content_same(&now, known[i].content))
			continue;
		content_free(&known[i].left);
		known[i].left = now;
		known[i].content = &known[i].left;
		now = (struct content){0};
	}
}

void txn_known_keep(
	struct txn_store *store, const struct snapshot *s, const struct txn_known *known)
{
	for (size_t i = 0; i < s->n_files; i++)
		if (known[i].content == &known[i].left && known[i].left.text)
			txn_store_left(store, s->id, i, known[i].left.text);
}
