/*
 * Whether a map enumerates the groups that it is told: check_groups MAP AXIS MEMBERS, where MEMBERS is
 * a file of 32-bit numbers, the ranks of every group one after another.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "planner_map.h"

static int differs(const planner_map *map, int axis, uint32_t group, const uint32_t *members)
{
    uint32_t size = planner_map_group_size(map, axis);
    for (uint32_t i = 0; i < size; i++) {
        const planner_rank *row = planner_map_rank(map, members[i]);
        uint32_t after = (i + 1) % size, before = (i + size - 1) % size;
        if (!row || planner_map_peer(map, members[0], axis, i) != members[i]
            || planner_map_peer(map, members[i], axis, before) != members[before]
            || planner_map_peer(map, members[i], axis, size) != PLANNER_NONE)
            return 1;
        if (axis == PLANNER_DP_CP)
            continue;
        if (row->group[axis] != group || row->coordinate[axis] != i)
            return 1;
        if (size > 1 && axis != PLANNER_PP
            && (row->next[axis] != members[after] || row->prev[axis] != members[before]))
            return 1;
        if (size == 1 && (row->next[axis] != PLANNER_NONE || row->prev[axis] != PLANNER_NONE))
            return 1;
    }
    return 0;
}

int main(int count, char **words)
{
    planner_map map;
    if (count != 4 || planner_map_open(words[1], NULL, NULL, 0, &map) != PLANNER_OK)
        return 2;
    int axis = (int)strtol(words[2], NULL, 10);
    uint32_t world = planner_map_header(&map)->world_size, size = planner_map_group_size(&map, axis);
    uint32_t *members = (uint32_t *)malloc(world * sizeof *members);
    FILE *file = fopen(words[3], "rb");
    if (!members || !file || fread(members, sizeof *members, world, file) != world)
        return 2;
    int failed = 0;
    for (uint32_t group = 0; group < world / size; group++)
        failed |= differs(&map, axis, group, members + (size_t)group * size);
    fclose(file);
    free(members);
    planner_map_close(&map);
    printf("%" PRIu32 " groups of %" PRIu32 "\n", world / size, size);
    return failed;
}
