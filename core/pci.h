/* Devices and groups of a machine, through libpci.  For machine.c only. */
#ifndef CORE_PCI_H
#define CORE_PCI_H

#include "core/machine.h"

/* Fills machine->devices and groups.  what: bits of enum machine_scan. */
int pci_scan(const struct root *root, unsigned what, struct machine *machine, struct error *err);
void pci_release(struct machine *machine);

/* By domain, bus, slot, function; for qsort and bsearch. */
int pci_compare(const void *a, const void *b);

#endif
