variable "name" {
  description = "Name of the installation, that of the stack network-and-data."
  type        = string
}

variable "region" {
  description = "The region of AWS."
  type        = string
}

variable "network" {
  description = "The output `network` of the stack network-and-data."
  type = object({
    vpc_id          = string
    cidr            = string
    public_subnets  = list(string)
    private_subnets = list(string)
    security_groups = map(string)
  })
}

variable "data" {
  description = "The output `data` of the stack network-and-data."
  type = object({
    broker_url  = string
    database_id = string
    files       = map(string)
    kms_key_arn = string
    logs_bucket = string
    secrets     = map(string)
  })
}

variable "image" {
  description = "The image of the project by its digest, made by deploy/image/Containerfile."
  type        = string
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest, REPOSITORY@sha256:...: a tag may be another image tomorrow."
  }
}

variable "host" {
  description = "Host name under which browsers and workers ask the server; its DNS entry leads to the output `balancer`."
  type        = string
}

variable "certificate_arn" {
  description = "Certificate of ACM for that host."
  type        = string
}

variable "allowed_cidrs" {
  description = "Addresses from which browsers come."
  type        = list(string)
}

variable "settings" {
  description = "More of penstock.toml, such as [executors] and [queues]. Logs go to the bucket unless it has a table [logs]."
  type        = string
  default     = ""
}

variable "scheduler" {
  description = "CPU units and MiB of scheduler and server, and how many there are."
  type = object({
    cpu    = optional(number, 1024)
    memory = optional(number, 2048)
    count  = optional(number, 1)
  })
  default = {}
}

variable "workers" {
  description = "Pools of workers by name. The maximum of each is that of /scaling, too: max_workers of the queue goes first."
  type = map(object({
    executor    = string
    queues      = list(string)
    slots       = optional(number, 4)
    cpu         = optional(number, 1024)
    memory      = optional(number, 2048)
    min_workers = optional(number, 0)
    max_workers = optional(number, 20)
  }))
  default = {}
}

variable "protected" {
  description = "Whether the balancer is kept from being deleted by mistake."
  type        = bool
  default     = true
}

variable "log_days" {
  description = "Days for which CloudWatch keeps what the containers print."
  type        = number
  default     = 30
}

variable "oldest_s" {
  description = "Seconds for which a task may be ready in a queue of a pool before an alarm rings."
  type        = number
  default     = 900
}

variable "alarm_topics" {
  description = "Topics of SNS that alarms are sent to."
  type        = list(string)
  default     = []
}
