/* SPDX-License-Identifier: Apache-2.0
 *
 * In the reference guest: loads and unloads a driver under any name, and sends its devices controls. Each command
 * prints the NTSTATUS, and a control what it answered, in hexadecimal; it ends with 0 for a status of success.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "module/ntlab.h"

#define USAGE                                                                                                \
    "ntdriver load NAME FILE\n"                                                                              \
    "ntdriver unload NAME\n"                                                                                 \
    "ntdriver ioctl DEVICE CODE [INPUT [OUTPUT-SIZE]]  INPUT as hexadecimal digits, - for none\n"
#define WRONG_USAGE 2
#define NOT_SUCCESS 1

static int fail(const char *what)
{
    fprintf(stderr, "ntdriver: %s: %s\n", what, strerror(errno));
    return WRONG_USAGE;
}

static int tell(uint32_t status)
{
    printf("%08x\n", status);
    return (int32_t)status < 0 ? NOT_SUCCESS : 0;
}

static int driver_request(int ntlab, unsigned long request, const char *name, const char *path)
{
    struct ntlab_driver driver = {0};

    snprintf(driver.name, sizeof(driver.name), "%s", name);
    snprintf(driver.path, sizeof(driver.path), "%s", path);
    return ioctl(ntlab, request, &driver) ? fail(name) : tell(driver.status);
}

/* Bytes in `buffer`, which has room for half as many as there are digits; -1 for what is none. */
static int from_hex(const char *digits, uint8_t *buffer)
{
    int bytes = 0;

    for (; digits[0]; digits += 2, bytes++)
        if (strspn(digits, "0123456789abcdefABCDEF") < 2 || sscanf(digits, "%2hhx", &buffer[bytes]) != 1)
            return -1;
    return bytes;
}

static int device_control(int ntlab, const char *device, const char *code, const char *input,
                          const char *output_size)
{
    size_t room = strtoul(output_size, NULL, 0);
    uint8_t *in = malloc(strlen(input) / 2 + 1), *out = calloc(1, room + 1);
    struct ntlab_control control = {0};
    int size = strcmp(input, "-") ? from_hex(input, in) : 0;

    if (size < 0 || !out) {
        fprintf(stderr,
                "ntdriver: the input is no even number of hexadecimal digits, or the output too large\n");
        return WRONG_USAGE;
    }
    snprintf(control.device, sizeof(control.device), "%s", device);
    control.code = strtoul(code, NULL, 0);
    control.input = (uintptr_t)in;
    control.output = (uintptr_t)out;
    control.input_size = size;
    control.output_size = room;
    if (ioctl(ntlab, NTLAB_CONTROL, &control))
        return fail(device);
    printf("%08x ", control.status);
    for (uint32_t i = 0; i < control.written && i < room; i++)
        printf("%02x", out[i]);
    printf("\n");
    return (int32_t)control.status < 0 ? NOT_SUCCESS : 0;
}

int main(int count, char **words)
{
    int ntlab = open("/dev/ntlab", O_RDWR | O_CLOEXEC);

    if (ntlab < 0)
        return fail("/dev/ntlab");
    if (count == 4 && !strcmp(words[1], "load"))
        return driver_request(ntlab, NTLAB_LOAD, words[2], words[3]);
    if (count == 3 && !strcmp(words[1], "unload"))
        return driver_request(ntlab, NTLAB_UNLOAD, words[2], "");
    if (count >= 4 && count <= 6 && !strcmp(words[1], "ioctl"))
        return device_control(ntlab, words[2], words[3], count > 4 ? words[4] : "-",
                              count > 5 ? words[5] : "0");
    fputs(USAGE, stderr);
    return WRONG_USAGE;
}
