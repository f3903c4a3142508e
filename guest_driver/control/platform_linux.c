/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference guest: services are files, the driver is loaded by /dev/ntlab.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ntlab.h"
#include "platform.h"

#define SERVICE_LINK "/run/" SERVICE_NAME ".service"

static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;

static int fail(const char *what)
{
    fprintf(stderr, "wskctl: %s: %s\n", what, strerror(errno));
    return -1;
}

static uint32_t control_ntlab(unsigned long request, void *argument, const uint32_t *status)
{
    int device = open("/dev/ntlab", O_RDWR | O_CLOEXEC);
    int result;

    if (device < 0)
        return STATUS_FAILED_HERE;
    result = ioctl(device, request, argument);
    close(device);
    return result ? STATUS_FAILED_HERE : *status;
}

int platform_install(const char *path)
{
    char absolute[PATH_MAX];

    if (!realpath(path, absolute))
        return fail(path);
    unlink(SERVICE_LINK);
    return symlink(absolute, SERVICE_LINK) ? fail(SERVICE_LINK) : 0;
}

static int driver_request(unsigned long request, const char *what)
{
    struct ntlab_driver driver;
    uint32_t status;
    ssize_t length;

    memset(&driver, 0, sizeof(driver));
    strcpy(driver.name, SERVICE_NAME);
    length = readlink(SERVICE_LINK, driver.path, sizeof(driver.path) - 1);
    if (length < 0)
        return fail("the driver is not installed (wskctl install FILE)");
    status = control_ntlab(request, &driver, &driver.status);
    if (status == STATUS_OK)
        return 0;
    fprintf(stderr, "wskctl: %s: status 0x%08x; the guest's serial log says more\n", what, status);
    return -1;
}

int platform_start(void)
{
    return driver_request(NTLAB_LOAD, "the driver cannot be loaded");
}

int platform_stop(void)
{
    return driver_request(NTLAB_UNLOAD, "the driver cannot be unloaded");
}

int platform_remove(void)
{
    return unlink(SERVICE_LINK) ? fail("the driver is not installed") : 0;
}

uint32_t platform_control(uint32_t code, const void *input, uint32_t input_size, void *output,
                          uint32_t output_size, uint32_t *written)
{
    struct ntlab_control control;
    uint32_t status;

    memset(&control, 0, sizeof(control));
    strcpy(control.device, DEVICE_NAME);
    control.code = code;
    control.input = (uintptr_t)input;
    control.input_size = input_size;
    control.output = (uintptr_t)output;
    control.output_size = output_size;
    status = control_ntlab(NTLAB_CONTROL, &control, &control.status);
    *written = control.written;
    return status;
}

static void read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "r");

    line[0] = '\0';
    if (!file)
        return;
    if (!fgets(line, (int)size, file))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    fclose(file);
}

/* "TAG BLOCKS BYTES" a line becomes "pool.TAG=BLOCKS BYTES"; a tag may end with spaces. */
static size_t pool_info(char *text, size_t size)
{
    FILE *file = fopen("/sys/module/ntlab/parameters/pool", "r");
    char line[128];
    size_t length = 0;
    unsigned long long bytes;
    unsigned blocks;
    char tag[5];

    while (file && length < size && fgets(line, sizeof(line), file))
        if (sscanf(line, "%4[^\n]%u%llu", tag, &blocks, &bytes) == 3)
            length += (size_t)snprintf(text + length, size - length, "pool.%s=%u %llu\n", tag, blocks, bytes);
    if (file)
        fclose(file);
    return length;
}

int platform_info(char *text, size_t size)
{
    char release[128];
    char fault[128];
    char faults[4096];
    size_t length;

    read_line("/proc/sys/kernel/osrelease", release, sizeof(release));
    read_line("/sys/module/ntlab/parameters/fault", fault, sizeof(fault));
    read_line("/sys/module/ntlab/parameters/faults", faults, sizeof(faults));
    length = (size_t)snprintf(text, size, "host=linux %s\nfault=%s\nfaults=%s\n", release, fault, faults);
    return (int)(length < size ? length + pool_info(text + length, size - length) : length);
}

struct start {
    void (*function)(void *);
    void *argument;
};

static void *enter(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
    start.function(start.argument);
    return NULL;
}

int platform_thread(void (*function)(void *), void *argument)
{
    struct start *start = malloc(sizeof(*start));
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    if (!start)
        return -1;
    *start = (struct start){function, argument};
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    error = pthread_create(&thread, &attributes, enter, start);
    pthread_attr_destroy(&attributes);
    if (error)
        free(start);
    return error;
}

void platform_lock(void)
{
    pthread_mutex_lock(&output_lock);
}

void platform_unlock(void)
{
    pthread_mutex_unlock(&output_lock);
}
