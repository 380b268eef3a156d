/* After a reboot: is every chosen device where the forecast said?  And will it be, with a kernel that was
 * installed since? */
#ifndef CORE_VERIFY_H
#define CORE_VERIFY_H

#include "core/choice.h"
#include "core/existing.h"

struct verdict {
	char address[24];
	char *expected;              /* "vfio-pci" */
	char *actual;                /* NULL: no driver, or no such device */
	bool ok;
	char *reason;                /* when ok what else has changed, mostly "" */
	char now_at[24];             /* where the chosen card is, by choice_locate(); "": not known */
};

/* Whether the initramfs of an installed kernel can hold the choice. */
struct kernel_verdict {
	char *version;
	char *image;                 /* NULL: none was found (core/images.h) */
	enum tristate covered;       /* it was built after the choice was written; unknown: no image */
	char *rebuild; /* not covered: the command that builds it anew; NULL: not known */
};

struct verdicts {
	struct verdict *v;
	size_t n;
	struct kernel_verdict *kernels;
	size_t n_kernels;
	/* The entry "without passthrough" where it is a file beside the other entries; NULL: this system
	 * has none, or it cannot be seen. */
	char *spare;
	char *spare_trouble;         /* why it is no way back, and the mend; "": it is one */
};

int verify_choice(const struct machine *machine, const struct choice *choice, struct verdicts *ret);
/* Adds the kernels, where their images bind (forecast_is_early()); of several images of one the
 * newest counts.  What is in it is not looked at: the transaction did that when it was built. */
int verify_kernels(const struct root *root, const struct machine *machine,
	const struct choice *choice, const struct existing *existing, struct verdicts *verdicts);
/* Adds that entry: it is a copy, and nobody keeps it in step with the kernels. */
int verify_spare(const struct root *root, const struct machine *machine, const struct choice *choice,
	struct verdicts *verdicts);
/* A boot with these kernel parameters leaves every device to the host. */
bool verify_boot_is_spare(const struct strv *words);
void verdicts_free(struct verdicts *verdicts);

#endif
