// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the WDK's inline functions do without a call, and Linux has elsewhere: CR8 is the IRQL, and GS leads to the
 * processor's KPCR. Under Linux an interrupt finds its own data by GS, and CR8 is not its level. So these
 * instructions are found when an image is loaded and become breakpoints, which do what the kernel's functions do:
 * the level that a driver reads, raises and lowers is one, whichever way it takes.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/nospec-branch.h>
#include <asm/ptrace.h>

#include "ntlab_internal.h"
#include "patch.h"

#define BREAKPOINT 0xcc
#define NOP 0x90

/* Offsets in KPCR. */
#define KPCR_SELF 0x18
#define KPCR_CURRENT_PRCB 0x20
#define KPCR_PRCB 0x180
#define KPCR_LEGACY_NUMBER 0x184	/* a byte */
#define KPCR_CURRENT_THREAD 0x188
#define KPCR_NUMBER 0x1a4

enum site_kind { READ_IRQL, WRITE_IRQL, READ_KPCR };

struct pe_site {
	u32 rva;
	enum site_kind kind;
	u8 length;	/* of the instruction */
	u8 target;	/* register, as instructions number them */
	u8 size;	/* in bytes, of what is read */
	bool part;	/* the rest of the register is kept */
	u16 field;	/* of KPCR */
};

/* What drivers look into through the pointers that KPCR holds: the processor's number. */
struct kpcr {
	u8 bytes[0x200];
};

static DEFINE_PER_CPU(struct kpcr, kpcrs);

/* mov rN, cr8 and mov cr8, rN. */
static bool decode_cr8(const u8 *code, u32 left, struct pe_site *site)
{
	if (left < 4 || (code[0] & 0xf6) != 0x44 || code[1] != 0x0f || (code[2] & 0xfd) != 0x20 || code[3] < 0xc0 ||
	    code[3] > 0xc7)
		return false;
	site->kind = code[2] == 0x20 ? READ_IRQL : WRITE_IRQL;
	site->target = (code[3] & 7) | (code[0] & 1 ? 8 : 0);
	site->length = 4;
	return true;
}

static bool known_field(u32 field)
{
	return field == KPCR_SELF || field == KPCR_CURRENT_PRCB || field == KPCR_LEGACY_NUMBER ||
	       field == KPCR_CURRENT_THREAD || field == KPCR_NUMBER;
}

/* mov or movzx rN, gs:[field]. */
static bool decode_gs(const u8 *code, u32 left, struct pe_site *site)
{
	u8 rex = 0;
	u32 i = 1, field;

	if (left < 9 || code[0] != 0x65)
		return false;
	if ((code[i] & 0xf0) == 0x40)
		rex = code[i++];
	site->size = rex & 8 ? 8 : 4;
	if (code[i] == 0x0f && (code[i + 1] == 0xb6 || code[i + 1] == 0xb7)) {
		site->size = code[++i] == 0xb6 ? 1 : 2;
	} else if (code[i] == 0x8a && (rex || !(code[i + 1] & 0x20))) {	/* not into AH to BH */
		site->part = true;
		site->size = 1;
	} else if (code[i] != 0x8b) {
		return false;
	}
	if (++i + 6 > left)
		return false;
	memcpy(&field, code + i + 2, sizeof(field));
	if ((code[i] & 0xc7) != 0x04 || code[i + 1] != 0x25 || !known_field(field))
		return false;
	site->kind = READ_KPCR;
	site->target = (code[i] >> 3 & 7) | (rex & 4 ? 8 : 0);
	site->field = field;
	site->length = i + 6;
	return true;
}

static NTSTATUS add_site(struct pe_image *image, const struct pe_site *site)
{
	struct pe_site *more = krealloc(image->sites, (image->site_count + 1) * sizeof(*site), GFP_KERNEL);

	if (!more)
		return STATUS_INSUFFICIENT_RESOURCES;
	more[image->site_count++] = *site;
	image->sites = more;
	return STATUS_SUCCESS;
}

/* One executable section, while it can be written. */
NTSTATUS patch_code(struct pe_image *image, u32 rva, u32 size)
{
	NTSTATUS status = STATUS_SUCCESS;
	u32 i;

	for (i = 0; i < size && NT_SUCCESS(status); i++) {
		struct pe_site site = { .rva = rva + i };
		u8 *code = image->base + site.rva;

		if (!decode_cr8(code, size - i, &site) && !decode_gs(code, size - i, &site))
			continue;
		status = add_site(image, &site);
		memset(code, NOP, site.length);
		*code = BREAKPOINT;
		i += site.length - 1;
	}
	return status;
}

void patch_forget(struct pe_image *image)
{
	kfree(image->sites);
	image->sites = NULL;
	image->site_count = 0;
}

static const struct pe_site *find_site(const struct pe_image *image, u32 rva)
{
	u32 i;

	for (i = 0; i < image->site_count; i++)
		if (image->sites[i].rva == rva)
			return &image->sites[i];
	return NULL;
}

static unsigned long *register_of(struct pt_regs *regs, u8 number)
{
	unsigned long *const all[] = { &regs->ax,  &regs->cx,  &regs->dx,  &regs->bx,  &regs->sp,  &regs->bp,
				       &regs->si,  &regs->di,  &regs->r8,  &regs->r9,  &regs->r10, &regs->r11,
				       &regs->r12, &regs->r13, &regs->r14, &regs->r15 };

	return all[number];
}

static u64 kpcr_field(u16 field)
{
	struct kpcr *kpcr = this_cpu_ptr(&kpcrs);

	switch (field) {
	case KPCR_SELF:
		return (u64)kpcr;
	case KPCR_CURRENT_PRCB:
		return (u64)kpcr + KPCR_PRCB;
	case KPCR_CURRENT_THREAD:
		return (u64)current;
	default:
		return raw_smp_processor_id();
	}
}

/* A write to a register's lower half clears the upper one. */
static void load(unsigned long *target, u64 value, const struct pe_site *site)
{
	u64 mask = site->size == 8 ? ~0ull : (1ull << site->size * 8) - 1;

	*target = (value & mask) | (site->part ? *target & ~mask : 0);
}

static void push(struct pt_regs *regs, u64 value)
{
	regs->sp -= sizeof(value);
	*(u64 *)regs->sp = value;
}

/* The value that was to be written to CR8 is on the stack, above it where to go on. All registers are kept. */
void irql_written_thunk(void);
asm(".pushsection .text\n"
    ".type irql_written_thunk, @function\n"
    "irql_written_thunk:\n"
    "	pushfq\n"
    "	push %rax; push %rcx; push %rdx; push %rsi; push %rdi; push %r8; push %r9; push %r10; push %r11\n"
    "	mov 80(%rsp), %rdi\n"
    "	call irql_written\n"
    "	pop %r11; pop %r10; pop %r9; pop %r8; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax\n"
    "	popfq\n"
    "	lea 8(%rsp), %rsp\n"
    "	" ASM_RET
    ".size irql_written_thunk, .-irql_written_thunk\n"
    ".popsection\n");
STACK_FRAME_NON_STANDARD(irql_written_thunk);

void irql_written(u64 level);
__visible void irql_written(u64 level)
{
	if (level > KeGetCurrentIrql())
		KfRaiseIrql(level);
	else
		KeLowerIrql(level);
}

/* At a breakpoint of ours: true, and `regs` go on behind the instruction. */
bool patch_emulate(const struct pe_image *image, struct pt_regs *regs)
{
	u64 address = regs->ip - 1;
	const struct pe_site *site = find_site(image, address - (u64)image->base);

	if (!site)
		return false;
	regs->ip = address + site->length;
	switch (site->kind) {
	case READ_IRQL:
		*register_of(regs, site->target) = irql_interrupted(regs);
		break;
	case WRITE_IRQL:
		push(regs, regs->ip);
		push(regs, *register_of(regs, site->target));
		regs->ip = (u64)irql_written_thunk;
		break;
	case READ_KPCR:
		load(register_of(regs, site->target), kpcr_field(site->field), site);
		break;
	}
	return true;
}

void patch_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct kpcr *kpcr = per_cpu_ptr(&kpcrs, cpu);
		u64 prcb = (u64)kpcr + KPCR_PRCB;

		memcpy(kpcr->bytes + KPCR_SELF, &kpcr, sizeof(kpcr));
		memcpy(kpcr->bytes + KPCR_CURRENT_PRCB, &prcb, sizeof(prcb));
		kpcr->bytes[KPCR_LEGACY_NUMBER] = cpu;
		memcpy(kpcr->bytes + KPCR_NUMBER, &cpu, sizeof(cpu));
	}
}
