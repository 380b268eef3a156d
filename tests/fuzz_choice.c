#include "tests/support_fuzz.h"

#include "core/choice.h"

#include <string.h>

static void check(const struct choice *choice)
{
	char address[24];

	for (size_t i = 0; i < choice->n; i++) {
		const struct pick *pick = &choice->picks[i];

		if (machine_parse_address(pick->address, address, sizeof(address), NULL) < 0 ||
			strcmp(address, pick->address) != 0)
			support_fuzz_broken("an address", address, pick->address);
		if (choice_find(choice, pick->address) != pick)
			support_fuzz_broken("not sorted, or twice", "", pick->address);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = support_fuzz_text(data, size), *one = NULL, *two = NULL;
	_cleanup_(choice_free) struct choice choice = {0}, again = {0};
	struct error err = {0};
	int r;

	if (!text)
		return 0;
	r = choice_parse(text, &choice, &err);
	if (r < 0) {
		support_fuzz_refused(r, &err);
		return 0;
	}
	check(&choice);
	if (choice_format(&choice, &one) < 0)
		abort();
	if (choice_parse(one, &again, &err) < 0)
		support_fuzz_broken("what was written is refused", one, err.text);
	if (choice_format(&again, &two) < 0)
		abort();
	support_fuzz_same("what was read, written again", one, two);
	if (!choice_same(&choice, &again))
		support_fuzz_broken("the choice, written and read", text, one);
	return 0;
}
