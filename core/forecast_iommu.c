/* Whether the IOMMU will be on after the next boot. */
#include "core/forecast.h"

#include "core/boot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool has_vtd(const struct machine *machine)
{
	const struct device *bridge = machine_device(machine, "0000:00:00.0");

	if (machine->host.firmware == FIRMWARE_UNKNOWN)
		return bridge && bridge->vendor == 0x8086;
	return machine->host.firmware == FIRMWARE_VTD;
}

bool forecast_needs_intel_iommu(const struct machine *machine)
{
	if (!has_vtd(machine))
		return false;
	for (size_t i = 0; i < machine->n_kernels; i++)
		if (machine->kernels[i].intel_default_on != YES)
			return true;
	return machine->n_kernels == 0;
}

/* The word is KEY=... with `value` in its comma list. */
static bool has_value(const char *word, const char *key, const char *value)
{
	size_t n = strlen(key), m = strlen(value);

	if (strncmp(word, key, n) != 0 || word[n] != '=')
		return false;
	for (word += n + 1; *word; word += *word == ',') {
		size_t k = strcspn(word, ",");

		if (k == m && strncmp(word, value, m) == 0)
			return true;
		word += k;
	}
	return false;
}

/* What a command line makes of the IOMMU. */
struct cmdline_iommu {
	const char *off; /* the word that keeps it off */
	bool vtd_on;     /* VT-d asked for: the last intel_iommu= says on */
};

/* arch/x86/kernel/pci-dma.c: iommu=off is final; intel_iommu= obeys the last word. */
static struct cmdline_iommu read_cmdline(const struct strv *words, bool is_amd)
{
	struct cmdline_iommu ret = {0};
	const char *final = NULL;

	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->v[i];

		if (has_value(word, "iommu", "off") ||
			(is_amd && has_value(word, "amd_iommu", "off")))
			final = word;
		if (!is_amd && has_value(word, "intel_iommu", "off")) {
			ret.off = word;
			ret.vtd_on = false;
		} else if (!is_amd && has_value(word, "intel_iommu", "on")) {
			ret.off = NULL;
			ret.vtd_on = true;
		}
	}
	if (final)
		ret = (struct cmdline_iommu){.off = final};
	return ret;
}

/* The boot loader's configuration decides where we know it; elsewhere the running line stays. */
static int next_cmdline(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, struct strv *ret)
{
	if (existing && !existing->loader_is_left &&
		boot_loader_kind(choice_boot_loader(choice, machine))->is_set_up)
		return strv_copy(ret, &existing->cmdline);
	return strv_split(ret, machine->host.cmdline ? machine->host.cmdline : "", " \t\n");
}

bool forecast_adds_intel_iommu(
	const struct machine *machine, const struct choice *choice, const struct existing *existing)
{
	return !(choice && !choice->n) &&
	       !(existing && (existing->loader_is_left ||
				     strv_has(&existing->cmdline, "intel_iommu=on"))) &&
	       boot_loader_kind(choice_boot_loader(choice, machine))->is_set_up &&
	       forecast_needs_intel_iommu(machine);
}

static bool default_on(const struct machine *machine)
{
	const struct kernel *kernel = machine_next_kernel(machine);

	return kernel && kernel->intel_default_on == YES;
}

static enum forecast_iommu judge(const struct machine *machine, const struct cmdline_iommu *now,
	const struct cmdline_iommu *next)
{
	const struct host *host = &machine->host;
	bool is_amd = host->firmware == FIRMWARE_AMDVI;

	if (next->off)
		return FORECAST_IOMMU_REFUSED;
	if (host->iommu_active)
		return FORECAST_IOMMU_ON;
	if (host->firmware == FIRMWARE_NONE)
		return FORECAST_IOMMU_FIRMWARE;
	/* Asked for and yet off: what hinders it cannot be seen from here. */
	if (host->firmware == FIRMWARE_UNKNOWN || (is_amd ? !now->off : now->vtd_on))
		return FORECAST_IOMMU_UNKNOWN;
	return is_amd || next->vtd_on || default_on(machine) ? FORECAST_IOMMU_COMES
							     : FORECAST_IOMMU_BY_HAND;
}

int forecast_iommu(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, enum forecast_iommu *ret, char *parameter, size_t size)
{
	_cleanup_(strv_free) struct strv words = {0}, running = {0};
	const struct host *host = &machine->host;
	bool is_amd = host->firmware == FIRMWARE_AMDVI;
	struct cmdline_iommu now, next;

	if (strv_split(&running, host->cmdline ? host->cmdline : "", " \t\n") < 0 ||
		next_cmdline(machine, choice, existing, &words) < 0 ||
		(forecast_adds_intel_iommu(machine, choice, existing) &&
			strv_add(&words, "intel_iommu=on") < 0))
		return -ENOMEM;
	now = read_cmdline(&running, is_amd);
	next = read_cmdline(&words, is_amd);
	if (size)
		(void)snprintf(parameter, size, "%s", next.off ? next.off : now.off ? now.off : "");
	*ret = judge(machine, &now, &next);
	return 0;
}
