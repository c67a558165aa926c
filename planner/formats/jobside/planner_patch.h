/*
 * Patches between maps of placed jobs: rows that changed, for a map that is in memory.
 *
 * planner export NEW --to c --changed-from OLD writes a patch; planner_map_patch applies it.
 */
#ifndef PLANNER_PATCH_H
#define PLANNER_PATCH_H

#include "planner_map.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a patch begins; the header of the patched map follows, then `parts` parts. */
typedef struct planner_patch {
    char magic[8];            /* "PLANPAT" */
    uint32_t endian;
    uint32_t version;
    uint64_t file_bytes;
    uint8_t base_topology[32]; /* digests and checksum of the map that it is for */
    uint8_t base_workload[32];
    uint32_t base_checksum;
    uint32_t parts;
    uint32_t unused;
    uint32_t checksum;        /* as a map's */
} planner_patch;

/* A part: so many rows of a section; their numbers follow, then the rows themselves. */
typedef struct planner_part {
    uint32_t section;
    uint32_t rows;
} planner_part;

PLANNER_ASSERT(sizeof(planner_patch) == 104, "layout of planner_patch");
PLANNER_ASSERT(offsetof(planner_patch, checksum) == 100, "layout of planner_patch");
PLANNER_ASSERT(sizeof(planner_part) == 8, "layout of planner_part");

/* Walk through the parts of a patch; write them over `target` unless it is NULL. */
static inline planner_status planner_patch_walk(const planner_map *patch, const planner_header *header,
                                                unsigned char *target)
{
    size_t at = sizeof(planner_patch) + sizeof(planner_header);
    uint32_t parts = ((const planner_patch *)(const void *)patch->base)->parts;
    for (; parts; parts--) {
        if (patch->bytes - at < sizeof(planner_part))
            return PLANNER_WRONG_LAYOUT;
        const planner_part *part = (const planner_part *)(const void *)(patch->base + at);
        at += sizeof *part;
        if (part->section >= PLANNER_STRINGS)
            return PLANNER_WRONG_LAYOUT;
        const planner_section *section = &header->section[part->section];
        uint64_t bytes = (uint64_t)part->rows * (sizeof(uint32_t) + section->row_bytes);
        if (bytes > patch->bytes - at)
            return PLANNER_WRONG_LAYOUT;
        const uint32_t *index = (const uint32_t *)(const void *)(patch->base + at);
        const unsigned char *rows = patch->base + at + (size_t)part->rows * sizeof(uint32_t);
        for (uint32_t row = 0; row < part->rows; row++) {
            if (index[row] >= section->rows)
                return PLANNER_WRONG_LAYOUT;
            if (target)
                memcpy(target + section->offset + (size_t)index[row] * section->row_bytes,
                       rows + (size_t)row * section->row_bytes, section->row_bytes);
        }
        at += (size_t)bytes;
    }
    return at == patch->bytes ? PLANNER_OK : PLANNER_WRONG_SIZE;
}

static inline planner_status planner_patch_examine(const planner_map *map, const planner_map *patch)
{
    const planner_header *now = planner_map_header(map);
    const planner_patch *about = (const planner_patch *)(const void *)patch->base;
    planner_status status =
        planner_begins_well(patch->base, patch->bytes, sizeof *about + sizeof *now, "PLANPAT");
    if (status != PLANNER_OK)
        return status;
    if (planner_checksum(patch->base, patch->bytes, offsetof(planner_patch, checksum)) != about->checksum)
        return PLANNER_WRONG_CHECKSUM;
    if (memcmp(about->base_topology, now->topology_digest, 32) != 0
        || memcmp(about->base_workload, now->workload_digest, 32) != 0
        || about->base_checksum != now->checksum)
        return PLANNER_OTHER_BASE;
    const planner_header *then = (const planner_header *)(const void *)(patch->base + sizeof *about);
    if (then->file_bytes != now->file_bytes || memcmp(then->section, now->section, sizeof now->section) != 0)
        return PLANNER_WRONG_LAYOUT;
    return planner_patch_walk(patch, now, NULL);
}

/*
 * Bring a private map up to the placement that the patch at `path` leads to. All of the patch is looked
 * over first: on any status but PLANNER_OK the map is as it was. Afterwards it is, byte for byte, the
 * map of the new placement, with its digests.
 */
static inline planner_status planner_map_patch(planner_map *map, const char *path)
{
    planner_map patch;
    if (!map->is_private)
        return PLANNER_NOT_PRIVATE;
    planner_status status = planner_map_file(path, 0, &patch);
    if (status != PLANNER_OK)
        return status;
    status = planner_patch_examine(map, &patch);
    if (status == PLANNER_OK
        && planner_checksum(map->base, map->bytes, offsetof(planner_header, checksum))
            != planner_map_header(map)->checksum)
        status = PLANNER_WRONG_CHECKSUM;
    if (status == PLANNER_OK) {
        unsigned char *target = (unsigned char *)(uintptr_t)map->base;
        status = planner_patch_walk(&patch, planner_map_header(map), target);
        memcpy(target, patch.base + sizeof(planner_patch), sizeof(planner_header));
    }
    planner_map_close(&patch);
    return status;
}

#ifdef __cplusplus
}
#endif
#endif
