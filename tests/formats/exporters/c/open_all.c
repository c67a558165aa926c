/* The status of each map, opened with the digests: open_all TOPOLOGY WORKLOAD MAP... */
#include <stdio.h>

#include "planner_map.h"

int main(int count, char **words)
{
    for (int i = 3; i < count; i++) {
        planner_map map;
        planner_status status = planner_map_open(words[i], words[1], words[2], 0, &map);
        printf("%s\n", planner_status_text(status));
        if (status == PLANNER_OK)
            planner_map_close(&map);
        else if (map.base)
            return 1;
    }
    return 0;
}
