/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that keeps values in its SSE registers, and the upper halves of AVX's where the processor has
 * them, over computing and over device controls to registers.sys. Prints what was lost.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ntlab.h"

/* How long it looks, and how often at least: a busy host takes longer for that. */
#define SECONDS 4
#define ENOUGH 10

/* All registers get a pattern, `call` is made or time passes, and they are stored again. */
#define REGISTERS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static long over_a_call(long number, long a, long b, void *c, const uint8_t *in, uint8_t *out)
{
    long result = number;

#define LOAD(n) "movdqu " #n " * 16(%[in]), %%xmm" #n "\n\t"
#define STORE(n) "movdqu %%xmm" #n ", " #n " * 16(%[out])\n\t"
    __asm__ volatile(REGISTERS(LOAD) "syscall\n\t" REGISTERS(STORE)
                     : "+a"(result)
                     : "D"(a), "S"(b), "d"(c), [in] "r"(in), [out] "r"(out)
                     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return result;
}

static void over_time(const uint8_t *in, uint8_t *out)
{
    long rounds = 3000000;

    __asm__ volatile(REGISTERS(LOAD) "1: dec %[rounds]\n\tjnz 1b\n\t" REGISTERS(STORE)
                     : [rounds] "+r"(rounds)
                     : [in] "r"(in), [out] "r"(out)
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void upper_halves_over_time(const uint8_t *in, uint8_t *out)
{
    long rounds = 3000000;

    __asm__ volatile("vmovdqu (%[in]), %%ymm1\n\tvmovdqu 32(%[in]), %%ymm9\n\t1: dec %[rounds]\n\tjnz 1b\n\t"
                     "vmovdqu %%ymm1, (%[out])\n\tvmovdqu %%ymm9, 32(%[out])\n\tvzeroupper"
                     : [rounds] "+r"(rounds)
                     : [in] "r"(in), [out] "r"(out)
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

int main(void)
{
    struct ntlab_control control = {.device = "registers", .code = 0x222000};
    int device = open("/dev/ntlab", O_RDWR);
    int lost = 0, refused = 0;
    uint8_t in[256], out[256];
    time_t end = time(NULL) + SECONDS;
    int child = fork();

    if (device < 0)
        return 2;
    for (int i = 0; i < 256; i++)
        in[i] = (child ? 3 : 7) * i;
    for (int looked = 0; looked <= ENOUGH || time(NULL) < end; looked++) {
        refused += over_a_call(16 /* ioctl */, device, NTLAB_CONTROL, &control, in, out) || control.status;
        lost += memcmp(in, out, 256) != 0;
        over_time(in, out);
        lost += memcmp(in, out, 256) != 0;
        if (__builtin_cpu_supports("avx")) {
            upper_halves_over_time(in, out);
            lost += memcmp(in, out, 64) != 0;
        }
    }
    printf("%d lost, %d refused\n", lost, refused);
    fflush(stdout);
    return child && wait(NULL) < 0;
}
