#include "scene.h"

#include <string.h>

const struct scene *const all_scenes[SCENES] = {
    &triangle_scene, &fill_scene,    &draws_scene,    &upload_scene,
    &compute_scene,  &latency_scene, &readback_scene,
};

const struct scene *find_scene(const char *name)
{
    for (size_t i = 0; i < SCENES; i++)
        if (strcmp(all_scenes[i]->name, name) == 0)
            return all_scenes[i];
    return NULL;
}
