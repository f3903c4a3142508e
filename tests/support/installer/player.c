/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays the part of Windows Setup for the tests of `image build`: an EFI program
 * that the firmware starts from an ISO. What it does is the list of actions of
 * play.h, one for its first start and one for all later ones; a variable of the
 * firmware's tells them apart, as an installed system would.
 *
 * The declarations are those of the UEFI specification, version 2.10, sections
 * 4.3 (system table), 4.4 (boot services), 4.5 (runtime services) and 12
 * (console), with what is not used as gaps.
 */
#include <stdint.h>

#include "play.h"

#define COM1 0x3f8
#define COM1_STATUS (COM1 + 5)
#define COM1_READY 0x20
#define PVPANIC 0x505
#define PVPANIC_PANICKED 1

#define NON_VOLATILE 1
#define BOOT_ACCESS 2
#define RUNTIME_ACCESS 4
#define RESET_COLD 0
#define RESET_SHUTDOWN 2
#define POLL_US 10000
#define EFI_TIMEOUT 0x8000000000000012ull

struct guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

struct key {
    uint16_t scan_code, letter;
};

struct input {
    void *reset;
    uint64_t (*read_key)(struct input *, struct key *);
};

struct output {
    void *reset;
    uint64_t (*write)(struct output *, const uint16_t *);
};

struct boot_services {
    uint8_t header[24];
    void *unused[28];
    uint64_t (*stall)(uint64_t microseconds);
};

struct runtime_services {
    uint8_t header[24];
    void *unused[6];
    uint64_t (*get_variable)(const uint16_t *, const struct guid *, uint32_t *, uint64_t *, void *);
    void *next_variable;
    uint64_t (*set_variable)(const uint16_t *, const struct guid *, uint32_t, uint64_t, const void *);
    void *monotonic_count;
    void (*reset)(int kind, uint64_t status, uint64_t size, void *data);
};

struct system_table {
    uint8_t header[24];
    void *vendor;
    uint64_t revision;
    void *input_handle;
    struct input *input;
    void *output_handle;
    struct output *output;
    void *error_handle;
    struct output *error;
    struct runtime_services *runtime;
    struct boot_services *boot;
};

static const struct guid OURS = {0x6b70b6d1, 0x51c8, 0x4a38, {0x9b, 0x2e, 0x77, 0x73, 0x6b, 0x6c, 0x61, 0x62}};
static const uint16_t STARTED[] = {'W', 's', 'k', 0};

static void port_write(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t port_read(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void serial(const char *text)
{
    for (; *text; text++) {
        while (!(port_read(COM1_STATUS) & COM1_READY))
            ;
        port_write(COM1, (uint8_t)*text);
    }
}

static void say(struct system_table *system, const char *text)
{
    uint16_t letter[2] = {0, 0};

    for (; *text; text++) {
        letter[0] = (uint16_t)*text;
        system->output->write(system->output, letter);
    }
}

/* Whether a key came in time (s). */
static int prompt(struct system_table *system, int seconds)
{
    struct key key;

    say(system, "Press any key to boot from CD or DVD......");
    for (int64_t waited = 0; waited < seconds * 1000000LL; waited += POLL_US) {
        if (system->input->read_key(system->input, &key) == 0)
            return 1;
        system->boot->stall(POLL_US);
    }
    return 0;
}

static int first_start(struct system_table *system)
{
    uint8_t value = 1;
    uint64_t size = sizeof(value);

    if (system->runtime->get_variable(STARTED, &OURS, 0, &size, &value) == 0)
        return 0;
    system->runtime->set_variable(STARTED, &OURS, NON_VOLATILE | BOOT_ACCESS | RUNTIME_ACCESS, sizeof(value),
                                  &value);
    return 1;
}

/* An error, as that of Windows' own boot program: the firmware goes on to its next boot option. */
uint64_t start(void *image, struct system_table *system)
{
    const char *const *play = first_start(system) ? first_play : next_play;

    (void)image;
    for (; *play; play++) {
        const char *action = *play;

        switch (action[0]) {
        case 'k': /* ask for a key; without one the start has failed */
            if (!prompt(system, PROMPT_SECONDS))
                return EFI_TIMEOUT;
            break;
        case 'w': /* a line on COM1 */
            serial(action + 1);
            serial("\r\n");
            break;
        case 'r':
            system->runtime->reset(RESET_COLD, 0, 0, 0);
            break;
        case 'o':
            system->runtime->reset(RESET_SHUTDOWN, 0, 0, 0);
            break;
        case 'p':
            port_write(PVPANIC, PVPANIC_PANICKED);
            break;
        case 'h':
            for (;;)
                system->boot->stall(POLL_US);
        }
    }
    return EFI_TIMEOUT;
}
