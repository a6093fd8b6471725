// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>

#include "../lib/apply.h"
#include "../lib/list.h"
#include "../lib/signature.h"
#include "audit.h"

/* A file, or with --packages a package, that is asked for. */
struct item {
	const char *package;           /* "": none; the sources' */
	char *path;                    /* owned; NULL with --packages */
};

struct session {
	struct audit *audit;
	struct cli_progress progress;
	struct audit_sources sources;
	const struct pkgima_installed *packages; /* of the source that is looked at */
	bool *chosen;                  /* for each; with --packages */
	struct item *items;
	size_t count, capacity;
	bool lost;                     /* there was no memory for one */
	int status;
};

static void worsen(struct session *session, int status)
{
	session->status = status > session->status ? status : session->status;
}

static void add_item(struct session *session, const char *package, const char *path)
{
	struct item *list = pkgima_list_room(session->items, session->count, &session->capacity, sizeof(*list));
	struct item *item;

	if (!list) {
		session->lost = true;
		return;
	}
	session->items = list;
	item = &session->items[session->count++];
	*item = (struct item){ .package = package, .path = path ? strdup(path) : NULL };
	session->lost = session->lost || (path && !item->path);
}

static bool has_key(const struct audit *audit, const struct pkgima_look *look)
{
	struct pkgima_signature signature;
	bool is_signed = look->value.bytes &&
			 pkgima_signature_parse(look->value.bytes, look->value.length, &signature, NULL) == 0;

	if (audit->key == AUDIT_KEY_NONE)
		return !is_signed && look->selected;
	return is_signed && signature.key_id == audit->key_id;
}

static void look_at(void *context, const struct pkgima_look *look)
{
	struct session *session = context;

	if (!has_key(session->audit, look))
		return;
	if (session->audit->packages)
		session->chosen[look->package - session->packages] = true;
	else
		add_item(session, look->package->name, look->path);
}

static void report(void *context, const struct pkgima_finding *finding)
{
	struct session *session = context;
	cleanup_free char *package = cli_printable(*finding->package ? finding->package : "-");
	cleanup_free char *path = finding->path ? cli_printable(finding->path) : NULL;

	/* Something else than a file is there: it carries nothing. */
	if (!finding->failed)
		return;
	cli_progress_show(&session->progress, "%s", "");
	cli_message(session->audit->command, "%s: %s%s%s", package, path ? path : "", path ? ": " : "", finding->reason);
	worsen(session, CLI_FAILED);
}

static void progress(void *context, size_t packages, size_t files)
{
	struct session *session = context;

	if (cli_progress_due(&session->progress))
		cli_progress_show(&session->progress, "%zu packages, %zu files", packages, files);
}

static bool is_wanted(void *context, const struct stat *st)
{
	return audit_sources_want(&((struct session *)context)->sources, st);
}

static void look_through(struct session *session, const struct cli_source *source)
{
	cleanup_free bool *chosen = calloc(source->count + 1, sizeof(*chosen));
	struct pkgima_apply job = {
		.task = PKGIMA_TASK_LOOK,
		.root_fd = session->audit->root_fd,
		.manager = source->manager,
		.database = source->database,
		.config = &session->audit->config,
		.report = report,
		.progress = progress,
		.is_wanted = session->sources.limited ? is_wanted : NULL,
		.look = look_at,
		.context = session,
	};
	struct pkgima_apply_counts counts;
	struct pkgima_error error = { .text = "no memory for the packages" };

	session->packages = source->packages;
	session->chosen = chosen;
	cli_progress_begin(&session->progress);
	if (!chosen || pkgima_audit_packages(&job, source->packages, source->count, NULL, &counts, &error) < 0) {
		cli_message(session->audit->command, "%s", error.text);
		worsen(session, CLI_FAILED);
	}
	cli_progress_end(&session->progress);
	for (size_t i = 0; chosen && i < source->count; i++)
		if (chosen[i] && *source->packages[i].name)
			add_item(session, source->packages[i].name, NULL);
}

static int compare(const void *left, const void *right)
{
	const struct item *l = left, *r = right;
	int order = strcmp(l->package, r->package);

	return order || !l->path || !r->path ? order : strcmp(l->path, r->path);
}

static void print_text(const struct session *session)
{
	for (size_t i = 0; i < session->count; i++) {
		const struct item *item = &session->items[i];
		cleanup_free char *text = cli_printable(item->path ? item->path : item->package);

		printf("%s\n", text);
	}
}

static int print_json(const struct session *session)
{
	struct json_object *document = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(document, session->audit->packages ? "packages" : "files", list);
	for (size_t i = 0; i < session->count; i++) {
		const struct item *item = &session->items[i];
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "package", *item->package ? cli_json_name(item->package) : NULL);
		if (item->path)
			json_object_object_add(object, "path", cli_json_name(item->path));
		json_object_array_add(list, object);
	}
	return cli_print_json(session->audit->command, document);
}

static void tell(struct session *session)
{
	if (session->lost) {
		cli_message(session->audit->command, "no memory for the list: it is not complete");
		worsen(session, CLI_FAILED);
	}
	if (session->count)
		qsort(session->items, session->count, sizeof(*session->items), compare);
	if (session->audit->json)
		worsen(session, print_json(session));
	else
		print_text(session);
}

int audit_list_by_key(struct audit *audit)
{
	struct session session = { .audit = audit };
	bool any;

	session.status = audit_sources_open(audit, &session.sources, &any);
	for (size_t i = 0; any && i < AUDIT_SOURCES; i++)
		if (session.sources.list[i].database)
			look_through(&session, &session.sources.list[i]);
	if (any)
		tell(&session);
	for (size_t i = 0; i < session.count; i++)
		free(session.items[i].path);
	free(session.items);
	audit_sources_close(&session.sources);
	return session.status;
}
