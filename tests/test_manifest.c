#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OWNED                                                                                      \
	{                                                                                          \
		.uid = 0, .gid = 4294967294u                                                       \
	}

static char *sample(void)
{
	static struct attributes owner = OWNED, labelled = OWNED;
	struct snapshot_file files[] = {
		{.path = (char *)(uintptr_t) "/etc/a b%\n\xc3\xbc",
			.before = {.kind = CONTENT_FILE,
				.mode = 04755,
				.text = (char *)(uintptr_t) "x",
				.attributes = &labelled},
			.after = {.kind = CONTENT_LINK,
				.text = (char *)(uintptr_t) "../%41 b",
				.attributes = &owner}},
		{.path = (char *)(uintptr_t) "/b",
			.after = {.kind = CONTENT_FILE,
				.text = (char *)(uintptr_t) "",
				.attributes = &owner}},
	};
	char *argv[] = {(char *)(uintptr_t) "/bin/x", (char *)(uintptr_t) "",
		(char *)(uintptr_t) "a\nb", NULL};
	char *undo[] = {(char *)(uintptr_t) "/bin/y", (char *)(uintptr_t) "%", NULL};
	char *xattr[] = {(char *)(uintptr_t) "user.x=%00%FF"};
	struct command command = {.stage = COMMAND_BOOT_LOADER,
		.argv = {.v = argv, .n = 3},
		.undo = {.v = undo, .n = 2},
		.purpose = (char *)(uintptr_t) "why"};
	struct snapshot s = {.time = 1763823781,
		.summary = (char *)(uintptr_t) "",
		.files = files,
		.n_files = 2,
		.commands = &command,
		.n_commands = 1};
	char *text = NULL;

	labelled.xattrs = (struct strv){.v = xattr, .n = 1};
	assert_int_equal(manifest_format(&s, &text), 0);
	return text;
}

static void comes_back_the_same(void **state)
{
	_cleanup_free_ char *text = sample(), *again = NULL;
	struct snapshot s = {0};
	struct error err = {0};

	(void)state;
	if (manifest_parse(text, &s, &err) < 0)
		fail_msg("%s\n%s", err.text, text);
	assert_string_equal(s.files[0].path, "/etc/a b%\n\xc3\xbc");
	assert_int_equal(s.files[0].before.mode, 04755);
	assert_string_equal(s.files[0].before.attributes->xattrs.v[0], "user.x=%00%FF");
	assert_int_equal(s.files[0].before.attributes->gid, 4294967294u);
	assert_string_equal(s.files[0].after.text, "../%41 b");
	assert_int_equal(s.files[1].before.kind, CONTENT_ABSENT);
	assert_string_equal(s.summary, "");
	assert_string_equal(s.commands[0].argv.v[1], "");
	assert_string_equal(s.commands[0].argv.v[2], "a\nb");
	assert_int_equal(s.commands[0].stage, COMMAND_BOOT_LOADER);
	assert_int_equal(s.commands[0].undo.n, 2);
	assert_string_equal(s.commands[0].undo.v[1], "%");
	/* The texts are beside it. */
	s.files[0].before.text = strdup("x");
	s.files[1].after.text = strdup("");
	assert_int_equal(manifest_format(&s, &again), 0);
	assert_string_equal(text, again);
	snapshot_free(&s);
}

static bool accepted(const char *text)
{
	struct snapshot s = {0};
	struct error err = {0};
	int r = manifest_parse(text, &s, &err);

	assert_true(r == 0 || (r == -EUCLEAN && *err.text));
	snapshot_free(&s);
	return r == 0;
}

static void every_damage_is_seen(void **state)
{
	_cleanup_free_ char *text = sample();
	size_t len = strlen(text);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		_cleanup_free_ char *cut = strndup(text, i), *flipped = strdup(text);

		assert_false(accepted(cut));
		for (int bit = 0; bit < 7; bit++) {
			flipped[i] = (char)(text[i] ^ 1 << bit);
			/* The case of a hexadecimal digit of the sum says nothing. */
			if (flipped[i] != text[i] && !(bit == 5 && i > len - 18))
				assert_false(accepted(flipped));
		}
	}
}

/* The sum right, the content wrong: whoever may write there could as well do worse, but a path must
 * never leave the root. */
static bool accepted_body(const char *body)
{
	_cleanup_(str_free) struct str text = {0};

	str_addf(&text, "vfio-wizard snapshot 1\n%s", body);
	str_addf(&text, "end %016jx\n", (uintmax_t)manifest_sum(text.s, text.len));
	return accepted(text.s);
}

#define GOOD "time 1\nsummary x\n"

static void forged_manifests(void **state)
{
	static const char *const good[] = {
		GOOD,
		GOOD "file /a\nbefore absent\nafter absent\n",
		GOOD "file /a/b.c/..d/e..\nbefore absent\nafter absent\n",
		GOOD "directory /a\ncommand 0 /a b\npurpose %-\nundoes 20200101-000000-7\n",
		GOOD "command 3 /a b\npurpose x\nundo /c\ncommand 1 /d\npurpose x\n",
		GOOD "command 5 /a b\npurpose x\nexpect c\nexpect %-\n",
	};
	static const char *const wrong[] = {
		"",
		"time 1\n",
		"summary x\n",
		"time 1\ntime 1\nsummary x\n",
		"time -1\nsummary x\n",
		"time 99999999999999999999\nsummary x\n",
		"time 1\nsummary x y\n",
		"time 1\nsummary %0\n",
		"time 1\nsummary %00\n",
		"time 1\nsummary %zz\n",
		"time 1\nsummary %0a\n",
		GOOD "\n",
		GOOD "other x\n",
		GOOD "undoes ../../x\n",
		GOOD "undoes\n",
		GOOD "file a\nbefore absent\nafter absent\n",
		GOOD "file /\nbefore absent\nafter absent\n",
		GOOD "file //a\nbefore absent\nafter absent\n",
		GOOD "file /a/\nbefore absent\nafter absent\n",
		GOOD "file /a//b\nbefore absent\nafter absent\n",
		GOOD "file /..\nbefore absent\nafter absent\n",
		GOOD "file /a/../../etc/passwd\nbefore absent\nafter absent\n",
		GOOD "file /a/./b\nbefore absent\nafter absent\n",
		GOOD "file /a/%2E%2E/b\nbefore absent\nafter absent\n",
		GOOD "file /a%00b\nbefore absent\nafter absent\n",
		GOOD "file /a\nbefore absent\nafter absent\nfile /a\nbefore absent\nafter absent\n",
		GOOD "file /a\n",
		GOOD "file /a\nbefore absent\n",
		GOOD "file /a\nafter absent\n",
		GOOD "file /a\nbefore absent\nbefore absent\nafter absent\n",
		GOOD "file /a\nfile /b\nbefore absent\nafter absent\n",
		GOOD "before absent\n",
		GOOD "file /a\nbefore device\nafter absent\n",
		GOOD "file /a\nbefore\nafter absent\n",
		GOOD "file /a\nbefore file 10000 0 0 0\nafter absent\n",
		GOOD "file /a\nbefore file 8 0 0 0\nafter absent\n",
		GOOD "file /a\nbefore file 644 4294967295 0 0\nafter absent\n",
		GOOD "file /a\nbefore file 644 0 -1 0\nafter absent\n",
		GOOD "file /a\nbefore file 644 0 0 x\nafter absent\n",
		GOOD "file /a\nbefore link 0 0 %-\nafter absent\n",
		GOOD "file /a\nbefore link 0 0\nafter absent\n",
		GOOD "xattr user.a=b\n",
		GOOD "file /a\nbefore absent\nxattr user.a=b\nafter absent\n",
		GOOD "file /a\nbefore link 0 0 x\nxattr user.a=b\nafter absent\n",
		GOOD "file /a\nbefore file 644 0 0 0\nxattr user.a\nafter absent\n",
		GOOD "file /a\nbefore file 644 0 0 0\nxattr =b\nafter absent\n",
		GOOD "directory ../a\n",
		GOOD "directory\n",
		GOOD "command 0 sh\npurpose x\n",
		GOOD "command 0\npurpose x\n",
		GOOD "command /bin/sh\npurpose x\n",
		GOOD "command 9 /bin/sh\npurpose x\n",
		GOOD "command 0 /bin/sh\n",
		GOOD "purpose x\n",
		GOOD "command 0 /bin/sh\npurpose x\npurpose x\n",
		GOOD "command 6 /bin/sh\npurpose x\n",
		GOOD "command 5 /bin/sh\nexpect x\npurpose x\n",
		GOOD "command 5 /bin/sh\npurpose x\nexpect %00\n",
		GOOD "command 1 /bin/sh\npurpose x\nexpect x\n",
		GOOD "undo /bin/sh\n",
		GOOD "command 0 /bin/sh\nundo /bin/sh\npurpose x\n",
		GOOD "command 0 /bin/sh\npurpose x\nundo\n",
		GOOD "command 0 /bin/sh\npurpose x\nundo sh\n",
		GOOD "command 0 /bin/sh\npurpose x\nundo /a\nundo /a\n",
		GOOD "command 0 /bin/sh\npurpose x\nundo /a %00\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!accepted_body(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (accepted_body(wrong[i]))
			fail_msg("accepted: %s", wrong[i]);
}

static void enormous_manifests(void **state)
{
	_cleanup_(str_free) struct str many = {0}, longest = {0};

	(void)state;
	str_add(&many, GOOD);
	for (int i = 0; i < 5000; i++)
		str_addf(&many, "file /%d\nbefore absent\nafter absent\n", i);
	assert_false(accepted_body(many.s));
	str_add(&longest, GOOD "file /");
	for (int i = 0; i < 300; i++)
		str_add(&longest, "a");
	str_add(&longest, "\nbefore absent\nafter absent\n");
	assert_false(accepted_body(longest.s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_the_same),
		cmocka_unit_test(every_damage_is_seen),
		cmocka_unit_test(forged_manifests),
		cmocka_unit_test(enormous_manifests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
