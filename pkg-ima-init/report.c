// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What ima-init says, and how it stops. A line goes to the kernel log, which shows it on the console unless that is set
 * to less ("quiet"); then it is written there too.
 */
#include "init.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1400
#define REPEAT_SECONDS 15

static const struct row {
	const char *name, *text;
	enum outcome outcome;
} rows[FAILURE_COUNT] = {
#define IMA_INIT_ROW(id, row_name, row_outcome, row_text) \
	[FAILURE_##id] = { .name = row_name, .text = row_text, .outcome = row_outcome },
	IMA_INIT_FAILURES(IMA_INIT_ROW)
#undef IMA_INIT_ROW
};

static const char *const outcome_words[] = { [GO_ON] = "go on", [STOP] = "stop", [END] = "stop, in log too" };

void report_table(void)
{
	for (size_t i = 0; i < FAILURE_COUNT; i++)
		printf("%s\t%s\t%s\n", rows[i].name, outcome_words[rows[i].outcome], rows[i].text);
}

/* Not more than one number at the start of a file; @otherwise where there is none. Safe in a signal handler. */
static int first_number(const char *path, int otherwise)
{
	char text[32];
	ssize_t length = kernel_read(path, text, sizeof(text));
	int sign = 1, value = 0;
	size_t at = 0;

	if (length <= 0)
		return otherwise;
	if (text[0] == '-') {
		sign = -1;
		at = 1;
	}
	for (; text[at] >= '0' && text[at] <= '9' && value < 100000; at++)
		value = 10 * value + (text[at] - '0');
	return sign * value;
}

static void write_line(int fd, const char *line, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, line, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		length -= (size_t)n;
	}
}

/* Who was here before may have put something else behind 2. */
static void write_console(const char *line, size_t length)
{
	int fd = open("/dev/console", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	write_line(fd >= 0 ? fd : STDERR_FILENO, line, length);
	if (fd >= 0)
		close(fd);
}

/* @line begins with "<N>", its level, and ends in a line feed. Safe in a signal handler. */
static void emit(const char *line, bool console)
{
	size_t length = strlen(line);
	int level = line[1] - '0';
	/* Opened for each line: the kernel drops lines of one that has written many. */
	int kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	bool logged = kmsg >= 0 && write(kmsg, line, length) == (ssize_t)length;

	if (kmsg >= 0)
		close(kmsg);
	if (console && (!logged || level >= first_number("/proc/sys/kernel/printk", 0)))
		write_console(line + 3, length - 3);
}

static void __attribute__((format(printf, 3, 0))) say(int level, bool console, const char *format, va_list arguments)
{
	char line[LINE_MAX_BYTES];
	int start = snprintf(line, sizeof(line), "<%d>ima-init: ", level);

	vsnprintf(line + start, sizeof(line) - (size_t)start - 1, format, arguments);
	strcat(line, "\n");
	emit(line, console);
}

void report_say(bool console, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(6, console, format, arguments);
	va_end(arguments);
}

/* As after a panic: panic=N on the kernel command line says whether and when the machine starts again. */
static noreturn void stop(const char *line)
{
	int panic = first_number("/proc/sys/kernel/panic", 0);

	sync();
	if (panic > 0)
		sleep((unsigned int)panic);
	if (panic != 0)
		reboot(RB_AUTOBOOT);
	for (;;) {
		sleep(REPEAT_SECONDS);
		emit(line, true);
	}
}

void report_failure(const struct init *init, enum failure failure, const char *format, ...)
{
	const struct row *row = &rows[failure];
	bool stops = row->outcome == END || (row->outcome == STOP && init->settings.mode == MODE_ENFORCE);
	char line[LINE_MAX_BYTES], detail[LINE_MAX_BYTES - 256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(detail, sizeof(detail), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "<%d>ima-init: %s: %s%s\n", stops ? 3 : 4, row->text, detail,
		 stops ? "; the boot stops" : "");
	emit(line, true);
	if (stops)
		stop(line);
}

/* Nothing here may need memory or locks. */
static noreturn void on_fault(int number)
{
	static char line[] = "<3>ima-init: fault in ima-init itself: signal 00; the boot stops\n";
	char *digits = strstr(line, "00");

	if (digits) {
		digits[0] = (char)('0' + number / 10 % 10);
		digits[1] = (char)('0' + number % 10);
	}
	emit(line, true);
	stop(line);
}

static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };

void report_start(void)
{
	static char stack[32 * 1024];
	const stack_t alternative = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_RESETHAND };
	struct stat st;

	sigaltstack(&alternative, NULL);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &action, NULL);
	/* To read from, too: the real init inherits them. */
	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) < 0 && open("/dev/console", O_RDWR | O_NOCTTY) < 0 &&
		    open("/dev/null", O_RDWR | O_NOCTTY) < 0)
			return;
}

void report_end(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		signal(faults[i], SIG_DFL);
	sigaltstack(&none, NULL);
}
