/*
 * What a map says of every rank, in the words of the planner's own tables.
 *
 *     print_ranks table MAP      the rows of ranks.csv, without its header and its last column
 *     print_ranks beside MAP     what that table lacks, a line a rank
 *     print_ranks hosts MAP      every host that is found by its name, with its ranks
 *     print_ranks order MAP      what each stage does in a step
 *     print_ranks way MAP        of every rank and chunk the rank and chunk before and after
 */
#include <inttypes.h>
#include <stdio.h>

#include "planner_map.h"

/* The paths of all domains that hold a host, innermost first, as columns. */
static void print_paths(const char *path)
{
    for (size_t length = strlen(path); length; length--)
        if (path[length] == '/' || path[length] == 0)
            printf(",%.*s", (int)length, path);
}

static void print_row(const planner_map *map, uint32_t rank)
{
    const planner_rank *row = planner_map_rank(map, rank);
    const uint32_t *at = row->coordinate;
    printf("%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32, rank, at[PLANNER_TP], at[PLANNER_CP], at[PLANNER_EP]);
    printf(",%" PRIu32 ",%" PRIu32, at[PLANNER_PP], at[PLANNER_DP]);
    printf(",%s,%" PRIu32 ",", planner_map_host_name(map, row->host), row->local_gpu);
    if (row->nic != PLANNER_NONE)
        printf("%" PRIu32, row->nic);
    print_paths(planner_map_string(map, planner_map_host(map, row->host)->path));
    printf("\n");
}

static void print_beside(const planner_map *map, uint32_t rank)
{
    const planner_rank *row = planner_map_rank(map, rank);
    const planner_stage *stage = planner_map_stage(map, row->coordinate[PLANNER_PP]);
    printf("%" PRId32 " %" PRIu32 " %" PRIu32, (int32_t)row->rail, row->local_rank, row->gpu);
    printf(" %" PRIu32, stage->layers);
    printf(" %" PRId32 " %" PRId32, (int32_t)row->prev[PLANNER_PP], (int32_t)row->next[PLANNER_PP]);
    printf(" %" PRId32 " %" PRId32, (int32_t)row->spare, (int32_t)row->host_spare);
    printf(" %d\n", planner_map_gpu(map, row->gpu)->rank == rank);
}

static int print_hosts(const planner_map *map)
{
    for (uint32_t host = 0; host < planner_map_header(map)->section[PLANNER_HOSTS].rows; host++) {
        uint32_t count;
        const char *name = planner_map_host_name(map, host);
        if (planner_map_find_host(map, name) != host)
            return 1;
        const uint32_t *ranks = planner_map_ranks_of_host(map, host, &count);
        printf("%s", name);
        for (uint32_t i = 0; i < count; i++)
            printf(" %" PRIu32, ranks[i]);
        printf("\n");
    }
    return planner_map_find_host(map, "no such host") != PLANNER_NONE;
}

static void print_order(const planner_map *map)
{
    for (uint32_t stage = 0; planner_map_stage(map, stage); stage++) {
        uint32_t count;
        const planner_operation *rows = planner_map_operations(map, stage, &count);
        for (uint32_t i = 0; i < count; i++) {
            int chunk = rows[i].chunk == 0xffff ? -1 : rows[i].chunk;
            printf("%" PRIu32 " %d %d %" PRId32 " %" PRId32, stage, rows[i].kind, chunk,
                   (int32_t)rows[i].microbatch, (int32_t)rows[i].peer);
            printf(" %s\n", planner_map_string(map, rows[i].collective));
        }
    }
}

static void print_way(const planner_map *map, uint32_t rank)
{
    uint32_t stage = planner_map_rank(map, rank)->coordinate[PLANNER_PP];
    for (uint32_t chunk = 0; planner_map_chunk(map, stage, chunk); chunk++) {
        uint32_t before, after;
        int32_t prev = (int32_t)planner_map_before(map, rank, chunk, &before);
        int32_t next = (int32_t)planner_map_after(map, rank, chunk, &after);
        printf("%" PRIu32 " %" PRIu32 " %" PRId32 " %" PRId32, rank, chunk, prev, (int32_t)before);
        printf(" %" PRId32 " %" PRId32 "\n", next, (int32_t)after);
    }
}

int main(int count, char **words)
{
    planner_map map;
    if (count != 3)
        return 2;
    planner_status status = planner_map_open(words[2], NULL, NULL, 0, &map);
    if (status != PLANNER_OK) {
        fprintf(stderr, "%s\n", planner_status_text(status));
        return 1;
    }
    int failed = strcmp(words[1], "hosts") == 0 && print_hosts(&map);
    if (strcmp(words[1], "order") == 0)
        print_order(&map);
    for (uint32_t rank = 0; rank < planner_map_header(&map)->world_size; rank++) {
        if (strcmp(words[1], "table") == 0)
            print_row(&map, rank);
        if (strcmp(words[1], "beside") == 0)
            print_beside(&map, rank);
        if (strcmp(words[1], "way") == 0)
            print_way(&map, rank);
    }
    failed |= planner_map_rank(&map, planner_map_header(&map)->world_size) != NULL;
    planner_map_close(&map);
    return failed;
}
