/* Makes the n-th operation on files below a folder, or the n-th large allocation, fail as the system would.

   Loaded with LD_PRELOAD; nothing happens until faults_arm is called. The counter is shared with what is forked later. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct shared {
    atomic_long done;  /* operations so far */
    char what[PATH_MAX + 32];  /* the one that failed first */
};
static struct shared *shared;
static char root[PATH_MAX];
static long nth, from_size;
static int error, for_good, armed;

__attribute__((constructor)) static void begin(void) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* From here on the operation `number` fails with `code`; 0 counts alone. A disk that is full stays full: `stays`.
   With `size`, allocations of so many bytes and more are meant instead of files. */
void faults_arm(const char *folder, long number, int code, int stays, long size) {
    strncpy(root, folder, sizeof root - 1);
    nth = number, error = code, for_good = stays, from_size = size;
    shared->done = 0;
    shared->what[0] = 0;
    armed = 1;
}

long faults_done(void) { return shared->done; }
const char *faults_what(void) { return shared->what; }

static int due(const char *name, const char *on) {
    long number = ++shared->done;
    if (!nth || number < nth || (number > nth && !for_good)) return 0;
    if (number == nth) snprintf(shared->what, sizeof shared->what, "%s %s", name, on);
    errno = error;
    return 1;
}

static int below(const char *path) { return !strncmp(path, root, strlen(root)); }

static const char *of_descriptor(int descriptor, char *into) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    int saved = errno;
    ssize_t length = readlink(link, into, PATH_MAX - 1);
    errno = saved;
    into[length < 0 ? 0 : length] = 0;
    return into;
}

/* A full disk refuses what needs space, a broken one everything. */
static int fails(const char *name, int needs_space, int folder, const char *path) {
    if (!armed || from_size || (error == ENOSPC && !needs_space)) return 0;
    char whole[2 * PATH_MAX], at[PATH_MAX];
    if (path && path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
    else if (folder == AT_FDCWD) snprintf(whole, sizeof whole, "%s/%s", getcwd(at, sizeof at) ? at : "", path ? path : "");
    else snprintf(whole, sizeof whole, "%s/%s", of_descriptor(folder, at), path ? path : "");
    return below(whole) && due(name, whole + strlen(root));
}

#define EACH(...) __VA_ARGS__
#define OPEN(name, at, declared, given) \
    int name(EACH declared, int flags, ...) { \
        static int (*real)(EACH declared, int, ...); \
        if (!real) real = (int (*)(EACH declared, int, ...))dlsym(RTLD_NEXT, #name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return fails(#name, flags & O_CREAT, at, path) ? -1 : real(EACH given, flags, mode); \
    }
OPEN(open, AT_FDCWD, (const char *path), (path))
OPEN(open64, AT_FDCWD, (const char *path), (path))
OPEN(openat, at, (int at, const char *path), (at, path))
OPEN(openat64, at, (int at, const char *path), (at, path))

#define CALL(type, name, failed, space, folder, path, declared, given) \
    type name declared { \
        static type(*real) declared; \
        if (!real) real = (type(*) declared)dlsym(RTLD_NEXT, #name); \
        return fails(#name, space, folder, path) ? failed : real given; \
    }
CALL(FILE *, fopen, NULL, strpbrk(mode, "wa") != NULL, AT_FDCWD, path,
     (const char *path, const char *mode), (path, mode))
CALL(FILE *, fopen64, NULL, strpbrk(mode, "wa") != NULL, AT_FDCWD, path,
     (const char *path, const char *mode), (path, mode))
CALL(size_t, fwrite, 0, 1, fileno(to), NULL,
     (const void *data, size_t size, size_t count, FILE *to), (data, size, count, to))
CALL(ssize_t, read, -1, 0, at, NULL, (int at, void *data, size_t size), (at, data, size))
CALL(ssize_t, pread, -1, 0, at, NULL, (int at, void *data, size_t size, off_t place), (at, data, size, place))
CALL(ssize_t, pread64, -1, 0, at, NULL, (int at, void *data, size_t size, off64_t place), (at, data, size, place))
CALL(ssize_t, write, -1, 1, at, NULL, (int at, const void *data, size_t size), (at, data, size))
CALL(ssize_t, pwrite, -1, 1, at, NULL, (int at, const void *data, size_t size, off_t place), (at, data, size, place))
CALL(ssize_t, pwrite64, -1, 1, at, NULL,
     (int at, const void *data, size_t size, off64_t place), (at, data, size, place))
CALL(ssize_t, writev, -1, 1, at, NULL, (int at, const struct iovec *parts, int count), (at, parts, count))
CALL(ssize_t, copy_file_range, -1, 1, to, NULL,
     (int at, off64_t *place, int to, off64_t *there, size_t size, unsigned flags), (at, place, to, there, size, flags))
CALL(ssize_t, sendfile, -1, 1, to, NULL, (int to, int at, off_t *place, size_t size), (to, at, place, size))
CALL(ssize_t, sendfile64, -1, 1, to, NULL, (int to, int at, off64_t *place, size_t size), (to, at, place, size))
CALL(int, fsync, -1, 1, at, NULL, (int at), (at))
CALL(int, fdatasync, -1, 1, at, NULL, (int at), (at))
CALL(int, ftruncate, -1, 1, at, NULL, (int at, off_t size), (at, size))
CALL(int, ftruncate64, -1, 1, at, NULL, (int at, off64_t size), (at, size))
CALL(int, posix_fallocate, error, 1, at, NULL, (int at, off_t place, off_t size), (at, place, size))
CALL(int, posix_fallocate64, error, 1, at, NULL, (int at, off64_t place, off64_t size), (at, place, size))
CALL(int, flock, -1, 0, at, NULL, (int at, int how), (at, how))
CALL(int, fchmod, -1, 0, at, NULL, (int at, mode_t mode), (at, mode))
CALL(int, chmod, -1, 0, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
CALL(int, rename, -1, 1, AT_FDCWD, path, (const char *path, const char *to), (path, to))
CALL(int, renameat, -1, 1, at, path, (int at, const char *path, int there, const char *to), (at, path, there, to))
CALL(int, mkdir, -1, 1, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
CALL(int, mkdirat, -1, 1, at, path, (int at, const char *path, mode_t mode), (at, path, mode))
CALL(int, link, -1, 1, AT_FDCWD, to, (const char *path, const char *to), (path, to))
CALL(int, unlink, -1, 0, AT_FDCWD, path, (const char *path), (path))
CALL(int, unlinkat, -1, 0, at, path, (int at, const char *path, int flags), (at, path, flags))
CALL(int, rmdir, -1, 0, AT_FDCWD, path, (const char *path), (path))

/* Allocations: glibc's own are under other names too, which need not be looked up. */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);
static int lacks(const char *name, size_t size) {
    return armed && from_size && size >= (size_t)from_size && due(name, "");
}
void *malloc(size_t size) { return lacks("malloc", size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return lacks("calloc", count * size) ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return lacks("realloc", size) ? NULL : __libc_realloc(old, size); }
void *memalign(size_t to, size_t size) { return lacks("memalign", size) ? NULL : __libc_memalign(to, size); }
void *aligned_alloc(size_t to, size_t size) { return lacks("aligned_alloc", size) ? NULL : __libc_memalign(to, size); }
int posix_memalign(void **into, size_t to, size_t size) {
    if (lacks("posix_memalign", size)) return ENOMEM;
    return (*into = __libc_memalign(to, size)) ? 0 : ENOMEM;
}
#define MAP(name, place_type) \
    void *name(void *at, size_t size, int may, int how, int file, place_type place) { \
        static void *(*real)(void *, size_t, int, int, int, place_type); \
        if (!real) real = (void *(*)(void *, size_t, int, int, int, place_type))dlsym(RTLD_NEXT, #name); \
        return lacks(#name, size) ? MAP_FAILED : real(at, size, may, how, file, place); \
    }
MAP(mmap, off_t)
MAP(mmap64, off64_t)
