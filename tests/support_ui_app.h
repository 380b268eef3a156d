/* The whole wizard on a sample system, headless.  Include after cmocka.h.
 *
 * The machine is made up, so that each case is there once, and its devices have no names, so that
 * pictures do not depend on the pci.ids at hand. */
#ifndef TESTS_SUPPORT_UI_APP_H
#define TESTS_SUPPORT_UI_APP_H

#include "screens/screens.h"
#include "tests/support.h"
#include "tests/support_ui.h"

#define HOST_BRIDGE "0000:00:00.0"
#define VGA         "0000:00:02.0" /* the firmware's screen, alone in group 2 */
#define PORT        "0000:00:01.0" /* PCIe port above the card, in its group */
#define CARD        "0000:01:00.0" /* graphics and sound, group 1, nouveau */
#define CARD_SOUND  "0000:01:00.1"
#define ROOT_DISK   "0000:02:00.0" /* NVMe with / */
#define NIC         "0000:03:00.0" /* the twin of ... */
#define NIC_TWIN    "0000:04:00.0"
#define NO_GROUP    "0000:05:00.0" /* USB in no IOMMU group */

struct ui_app {
	char *dir;
	struct root *root;
	struct app app;
	struct term *t;
	struct wizard *w;
};

/* Debian 12 with that machine; nothing is opened yet.  programs: also a /bin/sh that runs in it. */
void ui_app_system(struct ui_app *u, bool programs);
/* The app on it, a terminal of 24x80, and the wizard on its first screen. */
void ui_app_open(struct ui_app *u);
void ui_app_close(struct ui_app *u);  /* and open may follow */
void ui_app_remove(struct ui_app *u); /* close, and remove the system */

/* Lets everything happen that needs no key: details being worked out, a transaction.  Fails the
 * test if that takes for ever. */
void ui_app_settle(struct ui_app *u);
/* Types, and settles after each key. */
#define ui_app_keys(u, ...)                                                                        \
	ui_app_keys_n(u, (const uint32_t[]){__VA_ARGS__},                                          \
		sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
void ui_app_keys_n(struct ui_app *u, const uint32_t *keys, size_t n);
/* On the devices screen: the cursor to this device. */
void ui_app_focus(struct ui_app *u, const char *address);
void ui_app_text(struct ui_app *u, const char *text);

#endif
