/* SPDX-License-Identifier: Apache-2.0
 *
 * wskctl: the one user-mode program. Installs and removes the driver and passes
 * scenarios in and traces out. It understands neither of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/wsktest_abi.h"
#include "device.h"
#include "platform.h"
#include "serve.h"

static const char usage[] =
    "usage: wskctl COMMAND\n"
    "\n"
    "  install FILE    register FILE (wsktest.sys) as the driver service\n"
    "  start           load the driver\n"
    "  stop            unload it\n"
    "  remove          unregister it\n"
    "  info            what driver and guest are, one key=value a line\n"
    "  run IN OUT      perform the scenario in file IN, write the trace to file OUT\n"
    "  serve [PORT]    answer requests until the stream ends: of standard input and output, or of\n"
    "                  a serial or virtio port\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static int fail(const char *what, const char *detail)
{
    fprintf(stderr, "wskctl: %s: %s\n", what, detail);
    return 1;
}

static int fail_status(const char *what, uint32_t status)
{
    fprintf(stderr, "wskctl: %s: status 0x%08x\n", what, status);
    return 1;
}

static int command_info(void)
{
    char text[INFO_SIZE];
    uint32_t status = device_info(text, sizeof(text));

    if (status != STATUS_OK)
        return fail_status("the driver does not answer (is it started?)", status);
    fputs(text, stdout);
    return 0;
}

static void *read_file(const char *path, uint32_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = file ? malloc(WSKTEST_MAX_SCENARIO) : NULL;

    if (bytes)
        *size = (uint32_t)fread(bytes, 1, WSKTEST_MAX_SCENARIO, file);
    if (file)
        fclose(file);
    return bytes;
}

static int write_file(const char *path, const void *bytes, uint32_t size)
{
    FILE *file = fopen(path, "wb");
    int good = file && fwrite(bytes, 1, size, file) == size;

    if (file && fclose(file))
        good = 0;
    return good ? 0 : -1;
}

static int command_run(const char *input, const char *output)
{
    uint32_t size = 0;
    uint32_t trace_size = 0;
    void *trace = NULL;
    void *scenario = read_file(input, &size);
    uint32_t status;
    int result = 0;

    if (!scenario)
        return fail(input, "cannot be read");
    status = device_run(scenario, size, &trace, &trace_size);
    if (status != STATUS_OK)
        result = fail_status("the driver refused the request", status);
    else if (write_file(output, trace, trace_size))
        result = fail(output, "cannot be written");
    free(trace);
    free(scenario);
    return result;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (argc == 3 && !strcmp(command, "install"))
        return platform_install(argv[2]) ? 1 : 0;
    if (argc == 2 && !strcmp(command, "start"))
        return platform_start() ? 1 : 0;
    if (argc == 2 && !strcmp(command, "stop"))
        return platform_stop() ? 1 : 0;
    if (argc == 2 && !strcmp(command, "remove"))
        return platform_remove() ? 1 : 0;
    if (argc == 2 && !strcmp(command, "info"))
        return command_info();
    if (argc == 4 && !strcmp(command, "run"))
        return command_run(argv[2], argv[3]);
    if ((argc == 2 || argc == 3) && !strcmp(command, "serve"))
        return serve(argv[2]);
    if (argc == 2 && (!strcmp(command, "--help") || !strcmp(command, "-h"))) {
        fputs(usage, stdout);
        return 0;
    }
    fputs(usage, stderr);
    return 2;
}
