// pipestats DEVICE FILE.spv ...: makes a compute pipeline of each file on the first Vulkan device whose name contains DEVICE, and prints what its driver
// says of the code (VK_KHR_pipeline_executable_properties), a line for each file: the file, seconds, and NAME=VALUE of each statistic, between tabs.
//
// The device may be one of Mesa's shims, which compile for hardware that is not there. Nothing is executed.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vulkan/vulkan.h>

// Opcodes, decorations and storage classes of SPIR-V (specification 1.6, section 3).
enum { OP_ENTRY_POINT = 15, OP_TYPE_POINTER = 32, OP_VARIABLE = 59, OP_DECORATE = 71 };
enum { BLOCK = 2, BINDING = 33, DESCRIPTOR_SET = 34 };
enum { UNIFORM = 2 };
enum { MOST_BINDINGS = 64, SETS = 2 };

typedef struct {
    uint32_t set, binding, is_uniform;
} Bound;

static void must(VkResult result, const char *call) {
    if (result != VK_SUCCESS) {
        fprintf(stderr, "%s returned %d\n", call, result);
        exit(1);
    }
}

// Of the processor, so that a busy machine changes little.
static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static uint32_t *read_words(const char *path, size_t *words) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    *words = (size_t)ftell(file) / 4;
    rewind(file);
    uint32_t *content = malloc(4 * *words);
    if (fread(content, 4, *words, file) != *words) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return content;
}

// The variables with bindings, and the name of the entry point.
static size_t bindings_of(const uint32_t *words, size_t count, Bound *found, const char **entry) {
    const uint32_t ids = words[3];
    int64_t *set = calloc(ids, sizeof *set), *binding = calloc(ids, sizeof *binding);
    memset(set, 0xFF, ids * sizeof *set);
    size_t bound = 0;
    for (size_t i = 5, length; i < count; i += length) {
        const uint32_t *word = words + i, op = word[0] & 0xFFFF;
        length = word[0] >> 16;
        if (op == OP_ENTRY_POINT) {
            *entry = (const char *)(word + 3);
        } else if (op == OP_DECORATE && word[2] == DESCRIPTOR_SET) {
            set[word[1]] = word[3];
        } else if (op == OP_DECORATE && word[2] == BINDING) {
            binding[word[1]] = word[3];
        } else if (op == OP_VARIABLE && set[word[2]] >= 0 && bound < MOST_BINDINGS) {
            found[bound++] = (Bound){(uint32_t)set[word[2]], (uint32_t)binding[word[2]], word[3] == UNIFORM};
        }
    }
    free(set);
    free(binding);
    return bound;
}

static VkPhysicalDevice device_named(VkInstance instance, const char *name) {
    VkPhysicalDevice devices[32];
    uint32_t count = 32;
    vkEnumeratePhysicalDevices(instance, &count, devices);
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceProperties properties;
        vkGetPhysicalDeviceProperties(devices[i], &properties);
        if (strstr(properties.deviceName, name)) {
            fprintf(stderr, "%s\n", properties.deviceName);
            return devices[i];
        }
    }
    fprintf(stderr, "no device is called %s\n", name);
    exit(1);
}

static VkDevice open_device(VkPhysicalDevice physical) {
    VkPhysicalDeviceVulkan12Features offered = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceFeatures2 query = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &offered};
    vkGetPhysicalDeviceFeatures2(physical, &query);
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, .pipelineExecutableInfo = VK_TRUE};
    VkPhysicalDeviceVulkan12Features wanted = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &statistics, .vulkanMemoryModel = offered.vulkanMemoryModel};
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1, .pQueuePriorities = &priority};
    const char *extension = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &wanted,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue,
                                     .enabledExtensionCount = 1,
                                     .ppEnabledExtensionNames = &extension};
    VkDevice device;
    must(vkCreateDevice(physical, &info, NULL, &device), "vkCreateDevice");
    return device;
}

static void print_statistics(VkDevice device, VkPipeline pipeline) {
    const VkPipelineInfoKHR of = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline};
    PFN_vkGetPipelineExecutablePropertiesKHR get_properties =
        (PFN_vkGetPipelineExecutablePropertiesKHR)vkGetDeviceProcAddr(device, "vkGetPipelineExecutablePropertiesKHR");
    PFN_vkGetPipelineExecutableStatisticsKHR get_statistics =
        (PFN_vkGetPipelineExecutableStatisticsKHR)vkGetDeviceProcAddr(device, "vkGetPipelineExecutableStatisticsKHR");
    uint32_t executables = 1;
    VkPipelineExecutablePropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
    // A compute pipeline is one executable with all of Mesa's drivers: Intel's chooses one width. VK_INCOMPLETE would tell of more.
    must(get_properties(device, &of, &executables, &properties), "vkGetPipelineExecutablePropertiesKHR");
    printf("\tSubgroup size=%u", properties.subgroupSize);
    VkPipelineExecutableStatisticKHR statistics[64];
    for (int i = 0; i < 64; i++) {
        statistics[i] = (VkPipelineExecutableStatisticKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
    }
    uint32_t count = 64;
    const VkPipelineExecutableInfoKHR first = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline};
    get_statistics(device, &first, &count, statistics);
    for (uint32_t i = 0; i < count; i++) {
        const VkPipelineExecutableStatisticValueKHR value = statistics[i].value;
        printf("\t%s=", statistics[i].name);
        switch (statistics[i].format) {
            case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: printf("%u", value.b32); break;
            case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR: printf("%lld", (long long)value.i64); break;
            case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR: printf("%llu", (unsigned long long)value.u64); break;
            default: printf("%g", value.f64);
        }
    }
}

static void compile(VkDevice device, const char *path) {
    size_t count;
    uint32_t *words = read_words(path, &count);
    Bound bound[MOST_BINDINGS];
    const char *entry = "main", *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const size_t bindings = bindings_of(words, count, bound, &entry);

    VkDescriptorSetLayout sets[SETS];
    for (uint32_t set = 0; set < SETS; set++) {
        VkDescriptorSetLayoutBinding entries[MOST_BINDINGS];
        uint32_t used = 0;
        for (size_t i = 0; i < bindings; i++) {
            if (bound[i].set == set) {
                const VkDescriptorType type = bound[i].is_uniform ? VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
                entries[used++] = (VkDescriptorSetLayoutBinding){bound[i].binding, type, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL};
            }
        }
        const VkDescriptorSetLayoutCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = used, .pBindings = entries};
        must(vkCreateDescriptorSetLayout(device, &info, NULL, &sets[set]), "vkCreateDescriptorSetLayout");
    }
    const VkPipelineLayoutCreateInfo of_layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = SETS, .pSetLayouts = sets};
    VkPipelineLayout layout;
    must(vkCreatePipelineLayout(device, &of_layout, NULL, &layout), "vkCreatePipelineLayout");
    const VkShaderModuleCreateInfo of_module = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = 4 * count, .pCode = words};
    VkShaderModule module;
    must(vkCreateShaderModule(device, &of_module, NULL, &module), "vkCreateShaderModule");
    const VkPipelineShaderStageCreateInfo stage = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, .stage = VK_SHADER_STAGE_COMPUTE_BIT, .module = module, .pName = entry};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO, .flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR, .stage = stage, .layout = layout};
    VkPipeline pipeline;
    const double began = seconds();
    const VkResult result = vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline);
    printf("%s\t%.2f", name, seconds() - began);
    if (result == VK_SUCCESS) {
        print_statistics(device, pipeline);
    } else {
        printf("\tFailure=%d", result);
    }
    printf("\n");
    fflush(stdout);
    free(words);
}

int main(int count, char **arguments) {
    if (count < 3) {
        fprintf(stderr, "usage: pipestats DEVICE FILE.spv ...\n");
        return 2;
    }
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_3};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
    VkInstance instance;
    must(vkCreateInstance(&info, NULL, &instance), "vkCreateInstance");
    const VkDevice device = open_device(device_named(instance, arguments[1]));
    for (int i = 2; i < count; i++) {
        compile(device, arguments[i]);
    }
    return 0;
}
