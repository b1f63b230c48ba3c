// The collectors of devices, processes and interrupts, each over a folder as procfs and sysfs: what
// node_exporter tells of the same files, and what is left when a device vanishes or lies.
#include <gtest/gtest.h>

#include <filesystem>

#include "baro/base/strings.h"
#include "collector.h"
#include "node_testing.h"
#include "prometheus/registry.h"

namespace baro::agent {
namespace {

class DeviceCollectors : public ::testing::Test {
 protected:
  DeviceCollectors() : metrics_(&registry_) {
    options_.paths = {folder_.path() + "/proc", folder_.path() + "/sys", folder_.path(),
                      folder_.path()};
  }

  // {series: value} of one pass; empty when the collector fails.
  std::map<std::string, double> Read(std::string_view name) {
    const CollectorContext context(options_, &metrics_, base::RealClock());
    std::map<std::string, double> series;
    for (const CollectorEntry& entry : AllCollectors()) {
      if (entry.name != name) continue;
      auto collector = entry.make(context);
      EXPECT_TRUE(collector.ok()) << collector.status();
      Section section;
      section.Begin();
      status_ = (*collector)->Collect(&section);
      if (!status_.ok()) return {};
      section.End();
      std::vector<double> values;
      section.AppendValues(&values);
      for (size_t i = 0; i < values.size(); ++i) {
        series[section.columns()[i].labels.ToString()] = values[i];
      }
      return series;
    }
    ADD_FAILURE() << "no collector " << name;
    return {};
  }

  TestFolder folder_;
  NodeOptions options_;
  prometheus::Registry registry_;
  NodeMetrics metrics_;
  absl::Status status_;
};

TEST_F(DeviceCollectors, Bonding) {
  EXPECT_TRUE(Read("bonding").empty());
  EXPECT_EQ(status_.code(), absl::StatusCode::kNotFound);
  folder_.Write("sys/class/net/bonding_masters", "bond0 bond1\n");
  folder_.Write("sys/class/net/bond0/bonding/slaves", "eth0 eth1\n");
  folder_.Write("sys/class/net/bond0/lower_eth0/bonding_slave/mii_status", "up\n");
  folder_.Write("sys/class/net/bond0/slave_eth1/bonding_slave/mii_status", "down\n");
  const auto series = Read("bonding");
  EXPECT_EQ(series.at("node_bonding_slaves{master=\"bond0\"}"), 2);
  EXPECT_EQ(series.at("node_bonding_active{master=\"bond0\"}"), 1);
  EXPECT_EQ(series.at("node_bonding_slaves{master=\"bond1\"}"), 0) << "it vanished meanwhile";
}

TEST_F(DeviceCollectors, Cpufreq) {
  folder_.Write("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1200000\n");
  folder_.Write("sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "3500000\n");
  folder_.Write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
  folder_.Write("sys/devices/system/cpu/cpu0/cpufreq/scaling_available_governors",
                "performance powersave\n");
  folder_.Write("sys/devices/system/cpu/cpuidle/current_driver", "none\n");
  const auto series = Read("cpufreq");
  EXPECT_EQ(series.at("node_cpu_scaling_frequency_hertz{cpu=\"0\"}"), 1.2e9);
  EXPECT_EQ(series.at("node_cpu_scaling_frequency_max_hertz{cpu=\"0\"}"), 3.5e9);
  EXPECT_EQ(series.at("node_cpu_scaling_governor{cpu=\"0\", governor=\"powersave\"}"), 1);
  EXPECT_EQ(series.at("node_cpu_scaling_governor{cpu=\"0\", governor=\"performance\"}"), 0);
}

TEST_F(DeviceCollectors, CpufreqOf4096Cpus) {
  for (int cpu = 0; cpu < 4096; ++cpu) {
    folder_.Write(base::StrCat("sys/devices/system/cpu/cpu", cpu, "/cpufreq/scaling_cur_freq"),
                  "1000\n");
  }
  EXPECT_EQ(Read("cpufreq").size(), 4096u);
}

TEST_F(DeviceCollectors, Edac) {
  folder_.Write("sys/devices/system/edac/mc/mc0/ce_count", "1\n");
  folder_.Write("sys/devices/system/edac/mc/mc0/ue_count", "5\n");
  folder_.Write("sys/devices/system/edac/mc/mc0/ce_noinfo_count", "2\n");
  folder_.Write("sys/devices/system/edac/mc/mc0/csrow0/ce_count", "3\n");
  const auto series = Read("edac");
  EXPECT_EQ(series.at("node_edac_correctable_errors_total{controller=\"0\"}"), 1);
  EXPECT_EQ(series.at("node_edac_uncorrectable_errors_total{controller=\"0\"}"), 5);
  EXPECT_EQ(series.at("node_edac_csrow_correctable_errors_total{controller=\"0\", "
                      "csrow=\"unknown\"}"),
            2);
  EXPECT_EQ(series.at("node_edac_csrow_correctable_errors_total{controller=\"0\", csrow=\"0\"}"),
            3);
}

TEST_F(DeviceCollectors, Hwmon) {
  const std::string device = "sys/devices/platform/coretemp.0/";
  folder_.Write(device + "hwmon/hwmon2/name", "coretemp\n");
  folder_.Write(device + "hwmon/hwmon2/temp1_input", "55000\n");
  folder_.Write(device + "hwmon/hwmon2/temp1_crit", "100000\n");
  folder_.Write(device + "hwmon/hwmon2/temp1_crit_alarm", "0\n");
  folder_.Write(device + "hwmon/hwmon2/temp1_label", "Core 0\n");
  folder_.Write(device + "hwmon/hwmon2/fan1_input", "1200\n");
  folder_.Write(device + "hwmon/hwmon2/fan1_min", "300\n");
  folder_.Write(device + "hwmon/hwmon2/power1_average", "42000000\n");
  folder_.Write(device + "hwmon/hwmon2/in0_input", "1500\n");
  folder_.Write(device + "hwmon/hwmon2/update_interval", "1000\n");
  folder_.Write(device + "hwmon/hwmon2/temp2_input", "broken\n");
  std::filesystem::create_directory_symlink("../..",
                                            folder_.path() + "/" + device + "hwmon/hwmon2/device");
  std::filesystem::create_directories(folder_.path() + "/sys/class/hwmon");
  std::filesystem::create_directory_symlink(folder_.path() + "/" + device + "hwmon/hwmon2",
                                            folder_.path() + "/sys/class/hwmon/hwmon2");
  const auto series = Read("hwmon");
  const auto of = [&](const char* family, const char* sensor) {
    return series.at(
        base::StrCat(family, "{chip=\"platform_coretemp_0\", sensor=\"", sensor, "\"}"));
  };
  EXPECT_EQ(series.at("node_hwmon_chip_names{chip=\"platform_coretemp_0\", "
                      "chip_name=\"coretemp\"}"),
            1);
  EXPECT_EQ(of("node_hwmon_temp_celsius", "temp1"), 55);
  EXPECT_EQ(of("node_hwmon_temp_crit_celsius", "temp1"), 100);
  EXPECT_EQ(of("node_hwmon_temp_crit_alarm_celsius", "temp1"), 0);
  EXPECT_EQ(of("node_hwmon_fan_rpm", "fan1"), 1200);
  EXPECT_EQ(of("node_hwmon_fan_min_rpm", "fan1"), 300);
  EXPECT_EQ(of("node_hwmon_power_average_watt", "power1"), 42);
  EXPECT_EQ(of("node_hwmon_in_volts", "in0"), 1.5);
  EXPECT_EQ(series.at("node_hwmon_sensor_label{chip=\"platform_coretemp_0\", label=\"Core 0\", "
                      "sensor=\"temp1\"}"),
            1);
  EXPECT_EQ(series.size(), 9u);
}

TEST_F(DeviceCollectors, PowerSupplies) {
  folder_.Write("sys/class/power_supply/AC/online", "1\n");
  folder_.Write("sys/class/power_supply/BAT0/energy_now", "36580000\n");
  folder_.Write("sys/class/power_supply/BAT0/capacity", "81\n");
  const auto series = Read("powersupplyclass");
  EXPECT_EQ(series.at("node_power_supply_online{power_supply=\"AC\"}"), 1);
  EXPECT_EQ(series.at("node_power_supply_capacity{power_supply=\"BAT0\"}"), 81);
  EXPECT_DOUBLE_EQ(series.at("node_power_supply_energy_watthour{power_supply=\"BAT0\"}"), 36.58);
}

TEST_F(DeviceCollectors, ThermalZones) {
  folder_.Write("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
  folder_.Write("sys/class/thermal/thermal_zone0/temp", "49925\n");
  folder_.Write("sys/class/thermal/thermal_zone1/type", "asleep\n");
  folder_.Write("sys/class/thermal/cooling_device0/type", "Processor\n");
  folder_.Write("sys/class/thermal/cooling_device0/cur_state", "0\n");
  folder_.Write("sys/class/thermal/cooling_device0/max_state", "50\n");
  const auto series = Read("thermal_zone");
  EXPECT_DOUBLE_EQ(series.at("node_thermal_zone_temp{type=\"x86_pkg_temp\", zone=\"0\"}"), 49.925);
  EXPECT_EQ(series.at("node_cooling_device_max_state{name=\"0\", type=\"Processor\"}"), 50);
  EXPECT_EQ(series.size(), 3u);
}

TEST_F(DeviceCollectors, Mdadm) {
  folder_.Write("proc/mdstat",
                "Personalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0]\n"
                "      1048576 blocks super 1.2 [2/2] [UU]\n\nunused devices: <none>\n");
  const auto series = Read("mdadm");
  EXPECT_EQ(series.at("node_md_disks{device=\"md0\", state=\"active\"}"), 2);
  EXPECT_EQ(series.at("node_md_disks_required{device=\"md0\"}"), 2);
  EXPECT_EQ(series.at("node_md_state{device=\"md0\", state=\"active\"}"), 1);
  EXPECT_EQ(series.at("node_md_state{device=\"md0\", state=\"check\"}"), 0);
}

TEST_F(DeviceCollectors, Interrupts) {
  folder_.Write("proc/interrupts",
                "           CPU0       CPU1\n"
                "  0:         17          4   IO-APIC   2-edge      timer\n"
                "NMI:          1          2   Non-maskable interrupts\n"
                "ERR:          0\n");
  const auto series = Read("interrupts");
  EXPECT_EQ(series.at("node_interrupts_total{cpu=\"1\", devices=\"2-edge timer\", "
                      "info=\"IO-APIC\", type=\"0\"}"),
            4);
  EXPECT_EQ(
      series.at("node_interrupts_total{cpu=\"0\", info=\"Non-maskable interrupts\", type=\"NMI\"}"),
      1);
  EXPECT_EQ(series.size(), 4u);
}

TEST_F(DeviceCollectors, Processes) {
  const auto stat = [](int pid, const char* name, char state, int threads) {
    return base::StrCat(pid, " (", name, ") ", std::string(1, state),
                        " 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 ", threads, " 0 100 0\n");
  };
  folder_.Write("proc/1/stat", stat(1, "init", 'S', 1));
  folder_.Write("proc/7/stat", stat(7, "a) R (b", 'D', 2));
  folder_.Write("proc/7/task/7/stat", stat(7, "a) R (b", 'D', 2));
  folder_.Write("proc/7/task/8/stat", stat(8, "worker", 'R', 2));
  folder_.Write("proc/9/cmdline", "it ends just now");
  folder_.Write("proc/sys/kernel/threads-max", "1000\n");
  folder_.Write("proc/sys/kernel/pid_max", "4194304\n");
  const auto series = Read("processes");
  EXPECT_EQ(series.at("node_processes_threads"), 3);
  EXPECT_EQ(series.at("node_processes_max_threads"), 1000);
  EXPECT_EQ(series.at("node_processes_pids"), 2);
  EXPECT_EQ(series.at("node_processes_max_processes"), 4194304);
  EXPECT_EQ(series.at("node_processes_state{state=\"D\"}"), 1);
  EXPECT_EQ(series.at("node_processes_threads_state{thread_state=\"R\"}"), 1);
}

// An agent with a network namespace of its own reads the node's procfs, whose `net` is its own.
TEST_F(DeviceCollectors, NetworkOfProcessOne) {
  folder_.Write("proc/net/sockstat", "sockets: used 1\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 1\n");
  folder_.Write("proc/1/net/sockstat",
                "sockets: used 290\nTCP: inuse 8 orphan 0 tw 4 alloc 11 mem 1\n");
  EXPECT_EQ(Read("sockstat").at("node_sockstat_sockets_used"), 290);
}

TEST_F(DeviceCollectors, TcpConnectionsOfThisMachine) {
  const auto series = Read("tcpstat");
  if (!status_.ok()) GTEST_SKIP() << status_;
  EXPECT_GE(series.at("node_tcp_connection_states{state=\"rx_queued_bytes\"}"), 0);
}

}  // namespace
}  // namespace baro::agent
