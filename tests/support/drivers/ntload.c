/* SPDX-License-Identifier: Apache-2.0
 *
 * In the reference guest: loads or unloads a driver under any name, or sends a device a control.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ntlab.h"

static int control(int device, const char *name, const char *code)
{
    struct ntlab_control control = {.code = strtoul(code, NULL, 0)};

    snprintf(control.device, sizeof(control.device), "%s", name);
    if (ioctl(device, NTLAB_CONTROL, &control)) {
        perror("ntload");
        return 2;
    }
    printf("%08x\n", control.status);
    return 0;
}

int main(int count, char **words)
{
    struct ntlab_driver driver = {0};
    int device = open("/dev/ntlab", O_RDWR);

    if (count < 3 || device < 0) {
        fprintf(stderr, "ntload NAME FILE loads, ntload NAME - unloads, ntload DEVICE =CODE controls\n");
        return 2;
    }
    if (*words[2] == '=')
        return control(device, words[1], words[2] + 1);
    snprintf(driver.name, sizeof(driver.name), "%s", words[1]);
    snprintf(driver.path, sizeof(driver.path), "%s", words[2]);
    if (ioctl(device, strcmp(words[2], "-") ? NTLAB_LOAD : NTLAB_UNLOAD, &driver)) {
        perror("ntload");
        return 2;
    }
    printf("%08x\n", driver.status);
    return 0;
}
