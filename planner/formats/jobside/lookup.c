/*
 * What the map says of a rank, and, given a patch too, what it says once that is applied:
 *
 *     cc -std=c11 -O2 lookup.c -o lookup
 *     ./lookup placement.map RANK [placement.patch]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "planner_job.h"
#include "planner_map.h"
#include "planner_patch.h"

static const char *const axis_names[PLANNER_AXES] = {"tp", "cp", "ep", "edp", "dp", "pp"};

/* A number of the map, which has none where there is nothing. */
static const char *number(uint32_t value, char text[12])
{
    if (value == PLANNER_NONE)
        return "none";
    snprintf(text, 12, "%" PRIu32, value);
    return text;
}

static void print_gpu(const planner_map *map, const char *what, uint32_t gpu)
{
    const planner_gpu *row = planner_map_gpu(map, gpu);
    if (row)
        printf("%-10s %s gpu %" PRIu32 "\n", what, planner_map_host_name(map, row->host), row->local_gpu);
    else
        printf("%-10s none\n", what);
}

static int print_rank(const planner_map *map, uint32_t rank)
{
    char one[12], other[12];
    const planner_rank *row = planner_map_rank(map, rank);
    if (!row) {
        fprintf(stderr, "no rank %" PRIu32 ": there are %" PRIu32 "\n", rank, planner_map_header(map)->world_size);
        return 1;
    }
    printf("%-10s %" PRIu32 ", local rank %" PRIu32 "\n", "rank", rank, row->local_rank);
    print_gpu(map, "on", row->gpu);
    printf("%-10s %s, rail %s\n", "nic", number(row->nic, one), number(row->rail, other));
    for (int axis = 0; axis < PLANNER_AXES; axis++) {
        int folded = axis == PLANNER_EDP && planner_map_group_size(map, PLANNER_EP) > 1;
        if (planner_map_group_size(map, axis) == 1 || (axis == PLANNER_EDP && !folded))
            continue;
        printf("%-10s %" PRIu32 " of %" PRIu32 ", prev %s", axis_names[axis], row->coordinate[axis],
               planner_map_group_size(map, axis), number(row->prev[axis], one));
        printf(", next %s\n", number(row->next[axis], one));
    }
    uint32_t stage = row->coordinate[PLANNER_PP];
    for (uint32_t at = 0; at < planner_map_stage(map, stage)->chunks; at++) {
        const planner_chunk *chunk = planner_map_chunk(map, stage, at);
        if (chunk->layers)
            printf("%-10s %" PRIu32 " to %" PRIu32 "\n", "layers", chunk->first_layer,
                   chunk->first_layer + chunk->layers - 1);
    }
    print_gpu(map, "spare", row->spare);
    print_gpu(map, "host spare", row->host_spare);
    return 0;
}

int main(int count, char **words)
{
    planner_map map;
    if (count < 3) {
        fprintf(stderr, "usage: %s placement.map RANK [placement.patch]\n", words[0]);
        return 2;
    }
    char *end;
    unsigned long rank = strtoul(words[2], &end, 10);
    if (words[2][0] < '0' || words[2][0] > '9' || *end || rank > UINT32_MAX) {
        fprintf(stderr, "expected a rank such as 0, got %s\n", words[2]);
        return 2;
    }
    /* The digests are of the placement that the patch leads to, so a map to be patched is of others. */
    int patched = count > 3;
    planner_status status = planner_map_open(words[1], patched ? NULL : PLANNER_JOB_TOPOLOGY,
                                             PLANNER_JOB_WORKLOAD, patched, &map);
    if (status == PLANNER_OK && patched)
        status = planner_map_patch(&map, words[3]);
    if (status != PLANNER_OK) {
        fprintf(stderr, "%s\n", planner_status_text(status));
        return 1;
    }
    int failed = print_rank(&map, (uint32_t)rank);
    planner_map_close(&map);
    return failed;
}
