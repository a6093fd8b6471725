// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * /ima/latch and /ima/proof: programs that do nothing, so that the kernel appraises a file nobody has used yet. Linked
 * without the C library's start, since that is nearly all there would be.
 */
#include <unistd.h>

void _start(void);

void _start(void)
{
	_exit(0);
}
