/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays the part of Windows Setup for the tests of `image build`: an EFI program
 * that the firmware starts from an ISO. What it does is the list of actions of
 * play.h, one for its first start and one for all later ones; a variable of the
 * firmware's tells them apart, as an installed system would.
 *
 * The declarations are those of the UEFI specification, version 2.10, sections
 * 4.3 (system table), 4.4 (boot services), 4.5 (runtime services), 12 (console)
 * and 13.9 (block I/O), with what is not used as gaps.
 */
#include <stdint.h>

#include "play.h"

#define COM1 0x3f8
#define COM1_STATUS (COM1 + 5)
#define COM1_READY 0x20
#define PVPANIC 0x505
#define PVPANIC_PANICKED 1
#define PVPANIC_CRASHLOADED 2

#define NON_VOLATILE 1
#define BOOT_ACCESS 2
#define RUNTIME_ACCESS 4
#define RESET_COLD 0
#define RESET_SHUTDOWN 2
#define POLL_US 10000
#define EFI_TIMEOUT 0x8000000000000012ull
#define BY_PROTOCOL 2
#define MOST_DEVICES 16
#define CHUNK (1 << 16)
#define MIB (1 << 20)

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
    void *unused[16];
    uint64_t (*protocol)(void *handle, const struct guid *, void **interface);
    void *unused_too[2];
    uint64_t (*locate)(int kind, const struct guid *, void *key, uint64_t *size, void **handles);
    void *unused_three[8];
    uint64_t (*stall)(uint64_t microseconds);
};

struct medium {
    uint32_t number;
    uint8_t removable, present, partition, read_only, caches;
    uint32_t block;
    uint32_t align;
    uint64_t last;
};

struct block_io {
    uint64_t revision;
    const struct medium *medium;
    void *reset;
    uint64_t (*read)(struct block_io *, uint32_t medium, uint64_t block, uint64_t size, void *data);
    uint64_t (*write)(struct block_io *, uint32_t medium, uint64_t block, uint64_t size, const void *data);
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

static const struct guid OURS = {
    0x6b70b6d1, 0x51c8, 0x4a38, {0x9b, 0x2e, 0x77, 0x73, 0x6b, 0x6c, 0x61, 0x62}};
static const struct guid BLOCK_IO = {
    0x964e5b21, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static uint8_t chunk[CHUNK] __attribute__((aligned(4096)));
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

static uint64_t number(const char *text)
{
    uint64_t value = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        value = 10 * value + (uint64_t)(*text - '0');
    return value;
}

/* The whole disk, or the disc that we are on. */
static struct block_io *find_device(struct system_table *system, int disc)
{
    void *handles[MOST_DEVICES];
    uint64_t size = sizeof(handles);
    struct block_io *device;

    if (system->boot->locate(BY_PROTOCOL, &BLOCK_IO, 0, &size, handles) != 0)
        return 0;
    for (uint64_t i = 0; i < size / sizeof(handles[0]); i++) {
        if (system->boot->protocol(handles[i], &BLOCK_IO, (void **)&device) != 0)
            continue;
        if (device->medium->present && !device->medium->partition && device->medium->read_only == disc)
            return device;
    }
    return 0;
}

/* So many MiB, from the begin of the device again and again. */
static void move(struct system_table *system, int disc, uint64_t mib)
{
    struct block_io *device = find_device(system, disc);

    for (uint64_t i = 0; device && i < mib * (MIB / CHUNK); i++) {
        if (disc)
            device->read(device, device->medium->number, 0, CHUNK, chunk);
        else
            device->write(device, device->medium->number, i * (CHUNK / device->medium->block), CHUNK, chunk);
    }
}

/* Whether a key comes within so many seconds; those that came before do not count. */
static const char *hear(struct system_table *system, uint64_t seconds)
{
    struct key key;

    while (system->input->read_key(system->input, &key) == 0)
        ;
    for (uint64_t waited = 0; waited < seconds * 1000000; waited += POLL_US) {
        if (system->input->read_key(system->input, &key) == 0)
            return "a key\r\n";
        system->boot->stall(POLL_US);
    }
    return "no key\r\n";
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
        case 'c':
            port_write(PVPANIC, PVPANIC_CRASHLOADED);
            break;
        case 'l': /* load so many MiB from the disc */
            move(system, 1, number(action + 1));
            break;
        case 'd': /* write so many MiB to the disk */
            move(system, 0, number(action + 1));
            break;
        case 'n': /* listen for keys, so many seconds, and say on COM1 whether there was one */
            serial(hear(system, number(action + 1)));
            break;
        case 's': /* sleep so many seconds */
            system->boot->stall(number(action + 1) * 1000000);
            break;
        case 'h':
            for (;;)
                system->boot->stall(POLL_US);
        }
    }
    return EFI_TIMEOUT;
}
