/*
 * The map of a placed job, for programs in C11 or C++11.
 *
 * planner export PLACEMENT --to c writes a table of every rank; this header maps it into memory and
 * looks things up in it. Nothing is copied or parsed: rows are read where they lie in the file.
 * Needs the C library and mmap, and nothing to link.
 *
 * All functions are safe to call at the same time from several threads on a map that nobody patches
 * or closes.
 */
#ifndef PLANNER_MAP_H
#define PLANNER_MAP_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __cplusplus
#define PLANNER_ASSERT(condition, text) static_assert(condition, text)
#define PLANNER_ALIGNOF(type) alignof(type)
extern "C" {
#else
#define PLANNER_ASSERT(condition, text) _Static_assert(condition, text)
#define PLANNER_ALIGNOF(type) _Alignof(type)
#endif

#define PLANNER_MAP_VERSION 1u
#define PLANNER_MAP_ENDIAN 0x01020304u
#define PLANNER_MAP_ALIGNMENT 64u
/* What stands where there is no rank, GPU, NIC, rail or spare. */
#define PLANNER_NONE 0xffffffffu

/* Axes of the mesh. EP and EDP are folded out of CP and DP; DP_CP is both of these together. */
enum { PLANNER_TP, PLANNER_CP, PLANNER_EP, PLANNER_EDP, PLANNER_DP, PLANNER_PP, PLANNER_DP_CP };
#define PLANNER_AXES 6

enum {
    PLANNER_RANKS,
    PLANNER_GPUS,
    PLANNER_HOSTS,
    PLANNER_HOST_RANKS,
    PLANNER_STAGES,
    PLANNER_CHUNKS,
    PLANNER_OPERATIONS,
    PLANNER_STRINGS
};
#define PLANNER_SECTIONS 8

typedef enum planner_status {
    PLANNER_OK,
    PLANNER_UNREADABLE,
    PLANNER_NOT_A_MAP,
    PLANNER_OTHER_ENDIAN,
    PLANNER_OTHER_VERSION,
    PLANNER_WRONG_SIZE,
    PLANNER_WRONG_LAYOUT,
    PLANNER_WRONG_CHECKSUM,
    PLANNER_OTHER_TOPOLOGY,
    PLANNER_OTHER_WORKLOAD,
    PLANNER_OTHER_BASE,
    PLANNER_NOT_PRIVATE
} planner_status;

typedef struct planner_section {
    uint64_t offset; /* from the start of the file, a multiple of PLANNER_MAP_ALIGNMENT */
    uint32_t rows;
    uint32_t row_bytes;
} planner_section;

typedef struct planner_header {
    char magic[8];                /* "PLANMAP" */
    uint32_t endian;              /* PLANNER_MAP_ENDIAN in the byte order of the file */
    uint32_t version;             /* PLANNER_MAP_VERSION */
    uint64_t file_bytes;          /* the whole file */
    uint32_t header_bytes;        /* sizeof(planner_header) */
    uint32_t section_count;       /* PLANNER_SECTIONS */
    uint8_t topology_digest[32];  /* SHA-256, as inputs.topology of the placement file */
    uint8_t workload_digest[32];  /* SHA-256, as inputs.workload of the placement file */
    uint32_t degree[PLANNER_AXES];
    uint32_t stride[PLANNER_AXES]; /* from a rank to the next along TP, CP, DP, PP; 0 for EP, EDP */
    uint32_t fold_fast;           /* of CP and DP the axis that runs fastest in expert groups */
    uint32_t fold_slow;           /* the other one */
    uint32_t world_size;
    uint32_t virtual_stages;
    uint32_t microbatches;        /* of a replica and step; 0 where the workload does not say */
    uint32_t schedule;            /* offsets in the strings, as the three that follow */
    uint32_t job_name;
    uint32_t cluster_name;
    uint32_t written_by;
    uint32_t unused;
    planner_section section[PLANNER_SECTIONS];
    uint32_t reserved[17];        /* 0 */
    uint32_t checksum;            /* CRC-32 (as zlib's) of every byte of the file but these four */
} planner_header;

typedef struct planner_rank {
    uint32_t host;       /* row of the hosts */
    uint32_t gpu;        /* row of the GPUs */
    uint32_t local_gpu;  /* index of the GPU in its host */
    uint32_t local_rank; /* place among the ranks of the host, lowest first */
    uint32_t nic;        /* index in the host of the NIC that its traffic takes, or PLANNER_NONE */
    uint32_t rail;       /* or PLANNER_NONE */
    uint32_t coordinate[PLANNER_AXES];
    uint32_t group[PLANNER_AXES]; /* number of its group on the axis */
    uint32_t next[PLANNER_AXES];  /* rank after it in a ring; PLANNER_NONE in a group of one, and */
    uint32_t prev[PLANNER_AXES];  /* at the ends of PP unless virtual stages go round */
    uint32_t spare;      /* free GPU nearest to it, to take over from its GPU, or PLANNER_NONE */
    uint32_t host_spare; /* the same outside its host, to take over when the whole host is lost */
} planner_rank;

/* Bits of planner_gpu.flags. */
#define PLANNER_IN_SERVICE 1u
#define PLANNER_KEPT_FREE 2u

typedef struct planner_gpu {
    uint32_t host;
    uint32_t local_gpu;
    uint32_t nic;  /* or PLANNER_NONE, as rail and rank */
    uint32_t rail;
    uint32_t rank; /* that it holds */
    uint32_t flags;
} planner_gpu;

typedef struct planner_host {
    uint32_t name;      /* offset in the strings; hosts are sorted by name */
    uint32_t path;      /* offset in the strings: its domains, from the outermost in */
    uint32_t first_gpu; /* row of the GPUs, and of the host ranks */
    uint32_t gpus;
    uint32_t ranks;     /* so many of the host ranks are filled */
} planner_host;

typedef struct planner_stage {
    uint32_t first_chunk;     /* row of the chunks */
    uint32_t chunks;
    uint32_t first_operation; /* row of the operations */
    uint32_t operations;      /* 0 where the workload gives no schedule */
    uint32_t layers;          /* of all its chunks; 0 where the workload gives no model */
} planner_stage;

/* Bits of planner_chunk.flags. */
#define PLANNER_EMBEDDING 1u
#define PLANNER_HEAD 2u

typedef struct planner_chunk {
    uint32_t first_layer;
    uint32_t layers;   /* 0 where the workload gives no model */
    uint32_t flags;
    uint32_t pipeline; /* DualPipe runs two, against each other */
    uint32_t place;    /* along the pipeline, from 0 */
    uint32_t next_stage; /* where its output goes, or PLANNER_NONE */
    uint32_t next_chunk; /* of that stage */
    uint32_t prev_stage; /* where its input is from, or PLANNER_NONE */
    uint32_t prev_chunk;
} planner_chunk;

/* What planner_operation.kind says. */
enum {
    PLANNER_FORWARD,
    PLANNER_BACKWARD,
    PLANNER_BACKWARD_INPUT,
    PLANNER_BACKWARD_WEIGHT,
    PLANNER_SEND_OUTPUT,
    PLANNER_SEND_GRADIENT,
    PLANNER_RECEIVE_INPUT,
    PLANNER_RECEIVE_GRADIENT,
    PLANNER_COLLECTIVE
};

/*
 * One thing that every rank of a stage does in a step. Post them in their order and wait for none of
 * them: sends and receives on one stream, which runs them in that order, all else on another. A send
 * waits for the pass whose result it sends, a pass for what it receives. So no step deadlocks.
 */
typedef struct planner_operation {
    uint16_t kind;
    uint16_t chunk;      /* of the stage; 0xffff, and microbatch PLANNER_NONE, for what is done once a step */
    uint32_t microbatch;
    uint32_t peer;       /* stage at the other end of a send or receive, else PLANNER_NONE */
    uint32_t collective; /* offset in the strings: the family, or PLANNER_NONE */
} planner_operation;

PLANNER_ASSERT(sizeof(planner_section) == 16, "layout of planner_section");
PLANNER_ASSERT(sizeof(planner_header) == 384, "layout of planner_header");
PLANNER_ASSERT(offsetof(planner_header, section) == 184, "layout of planner_header");
PLANNER_ASSERT(offsetof(planner_header, checksum) == 380, "layout of planner_header");
PLANNER_ASSERT(sizeof(planner_rank) == 128, "layout of planner_rank");
PLANNER_ASSERT(offsetof(planner_rank, spare) == 120, "layout of planner_rank");
PLANNER_ASSERT(sizeof(planner_gpu) == 24, "layout of planner_gpu");
PLANNER_ASSERT(sizeof(planner_host) == 20, "layout of planner_host");
PLANNER_ASSERT(sizeof(planner_stage) == 20, "layout of planner_stage");
PLANNER_ASSERT(sizeof(planner_chunk) == 36, "layout of planner_chunk");
PLANNER_ASSERT(sizeof(planner_operation) == 16, "layout of planner_operation");
PLANNER_ASSERT(PLANNER_ALIGNOF(planner_header) <= PLANNER_MAP_ALIGNMENT, "alignment of the header");
PLANNER_ASSERT(PLANNER_ALIGNOF(planner_rank) == 4, "alignment of the rows");
PLANNER_ASSERT(sizeof(planner_rank) % PLANNER_MAP_ALIGNMENT == 0, "a rank's row fills cache lines");

/* A map in memory. A private one can be patched; its file stays as it is. */
typedef struct planner_map {
    const unsigned char *base;
    size_t bytes;
    int is_private;
} planner_map;

/* What a status means, as a phrase. */
static inline const char *planner_status_text(planner_status status)
{
    switch (status) {
    case PLANNER_OK: return "all is well";
    case PLANNER_UNREADABLE: return "the file cannot be opened or mapped";
    case PLANNER_NOT_A_MAP: return "the file is none of the planner's";
    case PLANNER_OTHER_ENDIAN: return "the file was written for the other byte order";
    case PLANNER_OTHER_VERSION: return "the file is of another version than this header";
    case PLANNER_WRONG_SIZE: return "the file was cut short or added to";
    case PLANNER_WRONG_LAYOUT: return "a section of the file is not where or what it should be";
    case PLANNER_WRONG_CHECKSUM: return "the file was changed after it was written";
    case PLANNER_OTHER_TOPOLOGY: return "the map is of another topology";
    case PLANNER_OTHER_WORKLOAD: return "the map is of another workload";
    case PLANNER_OTHER_BASE: return "the patch is for another map";
    case PLANNER_NOT_PRIVATE: return "only a private map can be patched";
    }
    return "unknown status";
}

/* CRC-32 as zlib's, eight bytes at a time; `tables` as planner_crc_tables fills it. */
static inline uint32_t planner_crc(const uint32_t tables[8][256], uint32_t crc, const unsigned char *at,
                                   size_t bytes)
{
    crc = ~crc;
    for (; bytes >= 8; at += 8, bytes -= 8) {
        crc ^= (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        crc = tables[7][crc & 255] ^ tables[6][crc >> 8 & 255] ^ tables[5][crc >> 16 & 255]
            ^ tables[4][crc >> 24] ^ tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]]
            ^ tables[0][at[7]];
    }
    for (; bytes; at++, bytes--)
        crc = tables[0][(crc ^ *at) & 255] ^ crc >> 8;
    return ~crc;
}

static inline void planner_crc_tables(uint32_t tables[8][256])
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
        tables[0][byte] = crc;
    }
    for (int table = 1; table < 8; table++)
        for (uint32_t byte = 0; byte < 256; byte++)
            tables[table][byte] = tables[0][tables[table - 1][byte] & 255] ^ tables[table - 1][byte] >> 8;
}

/* CRC-32 of a file but for its checksum, which stands at `hole`. */
static inline uint32_t planner_checksum(const unsigned char *base, size_t bytes, size_t hole)
{
    uint32_t tables[8][256];
    planner_crc_tables(tables);
    uint32_t crc = planner_crc((const uint32_t(*)[256])tables, 0, base, hole);
    return planner_crc((const uint32_t(*)[256])tables, crc, base + hole + 4, bytes - hole - 4);
}

/* Whether `text` ("sha256:" and 64 digits) says the same as `digest`; NULL says nothing. */
static inline int planner_same_digest(const uint8_t digest[32], const char *text)
{
    static const char digits[] = "0123456789abcdef";
    if (!text)
        return 1;
    if (strncmp(text, "sha256:", 7) != 0 || strlen(text) != 7 + 64)
        return 0;
    for (int i = 0; i < 32; i++)
        if (text[7 + 2 * i] != digits[digest[i] >> 4] || text[8 + 2 * i] != digits[digest[i] & 15])
            return 0;
    return 1;
}

/* Magic, byte order, version and size, which all files of the planner begin with. */
static inline planner_status planner_begins_well(const unsigned char *base, size_t bytes, size_t header,
                                                 const char *magic)
{
    uint32_t endian, version;
    uint64_t size;
    if (bytes < 24 || memcmp(base, magic, 8) != 0)
        return PLANNER_NOT_A_MAP;
    memcpy(&endian, base + 8, sizeof endian);
    memcpy(&version, base + 12, sizeof version);
    memcpy(&size, base + 16, sizeof size);
    if (endian != PLANNER_MAP_ENDIAN)
        return PLANNER_OTHER_ENDIAN;
    if (version != PLANNER_MAP_VERSION)
        return PLANNER_OTHER_VERSION;
    return size != bytes || bytes < header ? PLANNER_WRONG_SIZE : PLANNER_OK;
}

static inline planner_status planner_lies_well(const planner_header *header, const unsigned char *base)
{
    static const uint32_t row_bytes[PLANNER_SECTIONS] = {
        sizeof(planner_rank),  sizeof(planner_gpu),   sizeof(planner_host),      sizeof(uint32_t),
        sizeof(planner_stage), sizeof(planner_chunk), sizeof(planner_operation), 1};
    if (header->header_bytes != sizeof *header || header->section_count != PLANNER_SECTIONS)
        return PLANNER_WRONG_LAYOUT;
    for (int i = 0; i < PLANNER_SECTIONS; i++) {
        const planner_section *section = &header->section[i];
        if (section->row_bytes != row_bytes[i] || section->offset % PLANNER_MAP_ALIGNMENT
            || section->offset < sizeof *header || section->offset > header->file_bytes
            || (uint64_t)section->rows * section->row_bytes > header->file_bytes - section->offset)
            return PLANNER_WRONG_LAYOUT;
    }
    const planner_section *strings = &header->section[PLANNER_STRINGS];
    if (!strings->rows || base[strings->offset + strings->rows - 1] != 0)
        return PLANNER_WRONG_LAYOUT;
    for (int axis = 0; axis < PLANNER_AXES; axis++)
        if (!header->degree[axis])
            return PLANNER_WRONG_LAYOUT;
    return header->section[PLANNER_RANKS].rows == header->world_size ? PLANNER_OK : PLANNER_WRONG_LAYOUT;
}

/* Map a file. Writes go to memory of the process's own where `is_private`. */
static inline planner_status planner_map_file(const char *path, int is_private, planner_map *map)
{
    struct stat about;
    memset(map, 0, sizeof *map);
    int file = open(path, O_RDONLY);
    if (file < 0)
        return PLANNER_UNREADABLE;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
        close(file);
        return PLANNER_UNREADABLE;
    }
    if (about.st_size < 24) {
        close(file);
        return PLANNER_NOT_A_MAP;
    }
    void *base = mmap(NULL, (size_t)about.st_size, is_private ? PROT_READ | PROT_WRITE : PROT_READ,
                      MAP_PRIVATE, file, 0);
    close(file);
    if (base == MAP_FAILED)
        return PLANNER_UNREADABLE;
    map->base = (const unsigned char *)base;
    map->bytes = (size_t)about.st_size;
    map->is_private = is_private;
    return PLANNER_OK;
}

static inline void planner_map_close(planner_map *map)
{
    if (map->base)
        munmap((void *)(uintptr_t)map->base, map->bytes);
    memset(map, 0, sizeof *map);
}

static inline const planner_header *planner_map_header(const planner_map *map)
{
    return (const planner_header *)(const void *)map->base;
}

static inline planner_status planner_map_examine(const planner_map *map, const char *topology_digest,
                                                 const char *workload_digest)
{
    const planner_header *header = planner_map_header(map);
    planner_status status = planner_begins_well(map->base, map->bytes, sizeof *header, "PLANMAP");
    if (status == PLANNER_OK)
        status = planner_lies_well(header, map->base);
    if (status != PLANNER_OK)
        return status;
    if (planner_checksum(map->base, map->bytes, offsetof(planner_header, checksum)) != header->checksum)
        return PLANNER_WRONG_CHECKSUM;
    if (!planner_same_digest(header->topology_digest, topology_digest))
        return PLANNER_OTHER_TOPOLOGY;
    return planner_same_digest(header->workload_digest, workload_digest) ? PLANNER_OK : PLANNER_OTHER_WORKLOAD;
}

/*
 * Map the table at `path` and look it over: what it is, its byte order, version, size and layout,
 * every bit by its checksum, and the digests of what it must have been planned for, which planner_job.h
 * has ("sha256:..."; NULL accepts any). On any status but PLANNER_OK there is nothing to close.
 */
static inline planner_status planner_map_open(const char *path, const char *topology_digest,
                                              const char *workload_digest, int is_private, planner_map *map)
{
    planner_status status = planner_map_file(path, is_private, map);
    if (status != PLANNER_OK)
        return status;
    status = planner_map_examine(map, topology_digest, workload_digest);
    if (status != PLANNER_OK)
        planner_map_close(map);
    return status;
}

/* Row `row` of a section, or NULL beyond its end. */
static inline const void *planner_map_row(const planner_map *map, int section, uint32_t row)
{
    const planner_section *about = &planner_map_header(map)->section[section];
    return row < about->rows ? map->base + about->offset + (size_t)row * about->row_bytes : NULL;
}

static inline const planner_rank *planner_map_rank(const planner_map *map, uint32_t rank)
{
    return (const planner_rank *)planner_map_row(map, PLANNER_RANKS, rank);
}

static inline const planner_gpu *planner_map_gpu(const planner_map *map, uint32_t gpu)
{
    return (const planner_gpu *)planner_map_row(map, PLANNER_GPUS, gpu);
}

static inline const planner_host *planner_map_host(const planner_map *map, uint32_t host)
{
    return (const planner_host *)planner_map_row(map, PLANNER_HOSTS, host);
}

static inline const planner_stage *planner_map_stage(const planner_map *map, uint32_t stage)
{
    return (const planner_stage *)planner_map_row(map, PLANNER_STAGES, stage);
}

/* Chunk `chunk` of a stage, or NULL. */
static inline const planner_chunk *planner_map_chunk(const planner_map *map, uint32_t stage, uint32_t chunk)
{
    const planner_stage *own = planner_map_stage(map, stage);
    if (!own || chunk >= own->chunks)
        return NULL;
    return (const planner_chunk *)planner_map_row(map, PLANNER_CHUNKS, own->first_chunk + chunk);
}

/* The operations of a stage in the order that was checked; `*count` of them. */
static inline const planner_operation *planner_map_operations(const planner_map *map, uint32_t stage,
                                                              uint32_t *count)
{
    const planner_stage *own = planner_map_stage(map, stage);
    *count = own ? own->operations : 0;
    if (!*count)
        return NULL;
    return (const planner_operation *)planner_map_row(map, PLANNER_OPERATIONS, own->first_operation);
}

/* A string by its offset; empty for PLANNER_NONE. */
static inline const char *planner_map_string(const planner_map *map, uint32_t offset)
{
    const void *found = planner_map_row(map, PLANNER_STRINGS, offset);
    return found ? (const char *)found : "";
}

/* Name of a host, as launchers call it; empty for a row that is not there. */
static inline const char *planner_map_host_name(const planner_map *map, uint32_t host)
{
    const planner_host *own = planner_map_host(map, host);
    return planner_map_string(map, own ? own->name : PLANNER_NONE);
}

/* Row of the host called `name`, or PLANNER_NONE. */
static inline uint32_t planner_map_find_host(const planner_map *map, const char *name)
{
    uint32_t low = 0, high = planner_map_header(map)->section[PLANNER_HOSTS].rows;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(planner_map_host_name(map, middle), name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return PLANNER_NONE;
}

/* The ranks of a host, lowest first; `*count` of them. */
static inline const uint32_t *planner_map_ranks_of_host(const planner_map *map, uint32_t host, uint32_t *count)
{
    const planner_host *own = planner_map_host(map, host);
    *count = own ? own->ranks : 0;
    return *count ? (const uint32_t *)planner_map_row(map, PLANNER_HOST_RANKS, own->first_gpu) : NULL;
}

/* Ranks in each group on an axis. */
static inline uint32_t planner_map_group_size(const planner_map *map, int axis)
{
    const uint32_t *degree = planner_map_header(map)->degree;
    return axis == PLANNER_DP_CP ? degree[PLANNER_CP] * degree[PLANNER_DP] : degree[axis];
}

/* The rank at `index` of the group that `rank` is in on an axis, or PLANNER_NONE. */
static inline uint32_t planner_map_peer(const planner_map *map, uint32_t rank, int axis, uint32_t index)
{
    const planner_header *header = planner_map_header(map);
    const planner_rank *own = planner_map_rank(map, rank);
    if (!own || axis < 0 || axis > PLANNER_DP_CP || index >= planner_map_group_size(map, axis))
        return PLANNER_NONE;
    const uint32_t *at = own->coordinate, *stride = header->stride, *degree = header->degree;
    if (axis == PLANNER_TP || axis == PLANNER_CP || axis == PLANNER_DP || axis == PLANNER_PP)
        return rank - at[axis] * stride[axis] + index * stride[axis];
    uint32_t first = rank - at[PLANNER_CP] * stride[PLANNER_CP] - at[PLANNER_DP] * stride[PLANNER_DP];
    uint32_t fast = PLANNER_CP, slow = PLANNER_DP, place = index;
    if (axis != PLANNER_DP_CP) {
        fast = header->fold_fast;
        slow = header->fold_slow;
        place = axis == PLANNER_EP ? index + degree[PLANNER_EP] * at[PLANNER_EDP]
                                   : at[PLANNER_EP] + degree[PLANNER_EP] * index;
    }
    return first + place % degree[fast] * stride[fast] + place / degree[fast] * stride[slow];
}

/* The rank that holds `stage` of the same replica, or PLANNER_NONE. */
static inline uint32_t planner_map_at_stage(const planner_map *map, uint32_t rank, uint32_t stage)
{
    return planner_map_peer(map, rank, PLANNER_PP, stage);
}

/* The rank that a rank's chunk sends its output to, and `*next_chunk` there; PLANNER_NONE at the end. */
static inline uint32_t planner_map_after(const planner_map *map, uint32_t rank, uint32_t chunk,
                                         uint32_t *next_chunk)
{
    const planner_rank *own = planner_map_rank(map, rank);
    const planner_chunk *row = own ? planner_map_chunk(map, own->coordinate[PLANNER_PP], chunk) : NULL;
    *next_chunk = row ? row->next_chunk : PLANNER_NONE;
    return row ? planner_map_at_stage(map, rank, row->next_stage) : PLANNER_NONE;
}

/* The rank that a rank's chunk has its input from, and `*prev_chunk` there; PLANNER_NONE at the start. */
static inline uint32_t planner_map_before(const planner_map *map, uint32_t rank, uint32_t chunk,
                                          uint32_t *prev_chunk)
{
    const planner_rank *own = planner_map_rank(map, rank);
    const planner_chunk *row = own ? planner_map_chunk(map, own->coordinate[PLANNER_PP], chunk) : NULL;
    *prev_chunk = row ? row->prev_chunk : PLANNER_NONE;
    return row ? planner_map_at_stage(map, rank, row->prev_stage) : PLANNER_NONE;
}

#ifdef __cplusplus
}
#endif
#endif
