// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elf_object.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "io.h"

#define SEGMENTS_MAX 64
#define DYNAMIC_MAX 4096
#define NAMES_MAX 512

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ORDER ELFDATA2LSB
#else
#define OWN_ORDER ELFDATA2MSB
#endif

/* One object, and of its segments what both sizes have. */
struct object {
	int fd;
	bool wide;                     /* 64 bits */
	struct segment {
		uint32_t type;
		uint64_t offset, address, size;
	} segments[SEGMENTS_MAX];
	size_t count;
	size_t items, names;           /* of dynamic segments that were read, and told: of all together there is an end */
};

static bool read_at(const struct object *object, uint64_t offset, void *data, size_t length)
{
	return offset <= INT64_MAX && pkgima_pread_all(object->fd, data, length, (off_t)offset) == (ssize_t)length;
}

/* Text at @offset, cut at @capacity; "" where there is none. */
static void read_text(const struct object *object, uint64_t offset, char *text, size_t capacity)
{
	ssize_t length = offset <= INT64_MAX ? pkgima_pread_all(object->fd, text, capacity - 1, (off_t)offset) : -1;

	text[length > 0 ? length : 0] = '\0';
}

static void read_segment(struct object *object, uint64_t offset)
{
	struct segment *segment = &object->segments[object->count];
	Elf64_Phdr wide;
	Elf32_Phdr narrow;

	if (object->wide && read_at(object, offset, &wide, sizeof(wide))) {
		*segment = (struct segment){ wide.p_type, wide.p_offset, wide.p_vaddr, wide.p_filesz };
		object->count++;
	} else if (!object->wide && read_at(object, offset, &narrow, sizeof(narrow))) {
		*segment = (struct segment){ narrow.p_type, narrow.p_offset, narrow.p_vaddr, narrow.p_filesz };
		object->count++;
	}
}

static int read_header(struct object *object, struct pkgima_elf *elf)
{
	uint64_t offset;
	size_t count, size;
	Elf64_Ehdr wide;
	Elf32_Ehdr narrow;

	if (!read_at(object, 0, &narrow, sizeof(narrow)) || memcmp(narrow.e_ident, ELFMAG, SELFMAG) != 0 ||
	    narrow.e_ident[EI_DATA] != OWN_ORDER)
		return -ENOEXEC;
	object->wide = narrow.e_ident[EI_CLASS] == ELFCLASS64;
	if (!object->wide && narrow.e_ident[EI_CLASS] != ELFCLASS32)
		return -ENOEXEC;
	elf->type = narrow.e_type;
	if (object->wide) {
		if (!read_at(object, 0, &wide, sizeof(wide)))
			return -ENOEXEC;
		offset = wide.e_phoff;
		count = wide.e_phnum;
		size = wide.e_phentsize == sizeof(Elf64_Phdr) ? sizeof(Elf64_Phdr) : 0;
	} else {
		offset = narrow.e_phoff;
		count = narrow.e_phnum;
		size = narrow.e_phentsize == sizeof(Elf32_Phdr) ? sizeof(Elf32_Phdr) : 0;
	}
	for (size_t i = 0; size && offset <= INT64_MAX && i < count && object->count < SEGMENTS_MAX; i++)
		read_segment(object, offset + i * size);
	return 0;
}

/* Where in the file an address is; false: nowhere. */
static bool locate(const struct object *object, uint64_t address, uint64_t *ret_offset)
{
	for (size_t i = 0; i < object->count; i++) {
		const struct segment *segment = &object->segments[i];

		if (segment->type != PT_LOAD || address < segment->address || address - segment->address >= segment->size)
			continue;
		*ret_offset = segment->offset + (address - segment->address);
		return true;
	}
	return false;
}

static bool read_dynamic(struct object *object, const struct segment *segment, size_t index, Elf64_Dyn *ret_item)
{
	Elf32_Dyn narrow;
	size_t size = object->wide ? sizeof(*ret_item) : sizeof(narrow);

	if (object->items >= DYNAMIC_MAX || (index + 1) * size > segment->size)
		return false;
	object->items++;
	if (object->wide)
		return read_at(object, segment->offset + index * size, ret_item, size) && ret_item->d_tag != DT_NULL;
	if (!read_at(object, segment->offset + index * size, &narrow, size))
		return false;
	ret_item->d_tag = narrow.d_tag;
	ret_item->d_un.d_val = narrow.d_un.d_val;
	return narrow.d_tag != DT_NULL;
}

static void tell_names(struct object *object, const struct segment *segment, uint64_t strings,
		       void (*name)(void *context, bool is_folders, const char *name), void *context)
{
	char text[PKGIMA_ELF_NAME_MAX + 1];
	Elf64_Dyn item;

	for (size_t i = 0; object->names < NAMES_MAX && read_dynamic(object, segment, i, &item); i++) {
		bool is_folders = item.d_tag == DT_RUNPATH || item.d_tag == DT_RPATH;

		if ((item.d_tag != DT_NEEDED && !is_folders) || item.d_un.d_val > INT32_MAX)
			continue;
		read_text(object, strings + item.d_un.d_val, text, sizeof(text));
		if (*text)
			name(context, is_folders, text);
		object->names++;
	}
}

static void read_dynamics(struct object *object, const struct segment *segment, struct pkgima_elf *elf,
			  void (*name)(void *context, bool is_folders, const char *name), void *context)
{
	uint64_t strings = 0;
	bool found = false;
	Elf64_Dyn item;

	for (size_t i = 0; read_dynamic(object, segment, i, &item); i++) {
		if (item.d_tag == DT_TEXTREL || (item.d_tag == DT_FLAGS && item.d_un.d_val & DF_TEXTREL))
			elf->relocates_text = true;
		if (item.d_tag == DT_STRTAB)
			found = locate(object, item.d_un.d_val, &strings);
	}
	if (found && name)
		tell_names(object, segment, strings, name, context);
}

int pkgima_elf_read(int fd, struct pkgima_elf *ret_elf, void (*name)(void *context, bool is_folders, const char *name),
		    void *context)
{
	struct object object = { .fd = fd };
	struct pkgima_elf elf = { 0 };
	int r;

	r = read_header(&object, &elf);
	if (r < 0)
		return r;
	for (size_t i = 0; i < object.count; i++) {
		const struct segment *segment = &object.segments[i];

		if (segment->type == PT_INTERP && segment->size > 0)
			read_text(&object, segment->offset, elf.interpreter,
				  segment->size < sizeof(elf.interpreter) ? (size_t)segment->size : sizeof(elf.interpreter));
		else if (segment->type == PT_DYNAMIC)
			read_dynamics(&object, segment, &elf, name, context);
	}
	*ret_elf = elf;
	return 0;
}

bool pkgima_elf_is_mapped(const struct pkgima_elf *elf)
{
	return elf->type == ET_EXEC || elf->type == ET_DYN;
}
