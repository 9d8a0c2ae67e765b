// What fxc.c and dxc.cpp share.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

// A function of a library beside the program.
static FARPROC symbol(const char *library, const char *name) {
    const HMODULE module = LoadLibraryA(library);
    const FARPROC found = module ? GetProcAddress(module, name) : NULL;
    if (!found) {
        fprintf(stderr, "%s of %s cannot be loaded: error %lu\n", name, library, GetLastError());
        exit(1);
    }
    return found;
}

static char *read_file(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *content = (char *)malloc(*bytes);
    if (fread(content, 1, *bytes, file) != *bytes) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return content;
}

static double seconds(FILETIME time) {
    return 1e-7 * (double)((ULONGLONG)time.dwHighDateTime << 32 | time.dwLowDateTime);
}

// Of this process; less than a clock says if it had to wait for a processor.
static double processor_seconds(void) {
    FILETIME created, ended, kernel, user;
    GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user);
    return seconds(kernel) + seconds(user);
}

static void report(const char *path, double taken, HRESULT result, size_t bytes) {
    const char *slash = strrchr(path, '/');
    printf("%s\t%.2f\t", slash ? slash + 1 : path, taken);
    if (SUCCEEDED(result)) {
        printf("%zu\n", bytes);
    } else {
        printf("failed=%08lx\n", (unsigned long)result);
    }
    fflush(stdout);
}
