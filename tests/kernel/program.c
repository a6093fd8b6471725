/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest program that says WORD: what is executed by a test. x86-64, without libc. */
static long call(long number, long a, const void *b, long c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

void _start(void);
void _start(void)
{
	static const char word[] = WORD "\n";

	call(1, 1, word, sizeof(word) - 1);
	call(60, 0, 0, 0);
	__builtin_unreachable();
}
