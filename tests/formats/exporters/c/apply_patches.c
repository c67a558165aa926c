/*
 * Patches on a map in memory: apply_patches shared|private MAP RESULT PATCH... applies each, prints its
 * status, and writes what the map then is.
 */
#include <stdio.h>

#include "planner_patch.h"

int main(int count, char **words)
{
    planner_map map;
    if (count < 5
        || planner_map_open(words[2], NULL, NULL, strcmp(words[1], "private") == 0, &map) != PLANNER_OK)
        return 2;
    for (int i = 4; i < count; i++)
        printf("%s\n", planner_status_text(planner_map_patch(&map, words[i])));
    FILE *file = fopen(words[3], "wb");
    if (!file || fwrite(map.base, 1, map.bytes, file) != map.bytes || fclose(file) != 0)
        return 2;
    planner_map_close(&map);
    return 0;
}
