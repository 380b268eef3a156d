#include "core/txn_private.h"

#include <errno.h>
#include <stdio.h>

int txn_known_make(const struct snapshot *s, struct txn_known **ret, struct error *err)
{
	struct txn_known *known = calloc(s->n_files + 1, sizeof(*known));

	if (!known)
		return error_no_memory(err);
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
			(void)txn_store_keep(store, s->id, "left", i, known[i].left.text, NULL);
}

int txn_known_check(const struct root *root, const struct snapshot *s,
	const struct txn_known *known, size_t i, struct error *err)
{
	_cleanup_(content_free) struct content now = {0};
	int r = content_read(root, s->files[i].path, true, NULL, &now, err);

	if (r < 0 || content_same(&now, known[i].content))
		return r;
	return error_set(err, -ESTALE,
		"%s: changed by something else meanwhile, so it is left as it is; what it was "
		"before is %s/%s/before-%zu",
		s->files[i].path, SNAPSHOT_DIR, s->id, i);
}

int txn_known_save(struct txn_store *store, const struct snapshot *s, const struct txn_known *known,
	size_t i, const char *what, char **ret, struct error *err)
{
	const struct content *now = known[i].content;
	int r;

	*ret = NULL;
	if (now != &known[i].left || !now->text || content_same(now, &s->files[i].before) ||
		content_same(now, &s->files[i].after))
		return 0;
	r = txn_store_keep(store, s->id, what, i, now->text, err);
	if (r == 0 && asprintf(ret,
			      " (changed while a command ran, by it or by somebody: that is kept "
			      "as %s/%s/%s-%zu)",
			      SNAPSHOT_DIR, s->id, what, i) < 0) {
		*ret = NULL;
		r = error_no_memory(err);
	}
	return r;
}
