variable "name" {
  description = "Name of the installation, with which all names begin."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "Write 2 to 21 small letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "The region of AWS."
  type        = string
}

variable "zones" {
  description = "Availability zones, two or more; each has a public, a private and a data subnet."
  type        = list(string)
  validation {
    condition     = length(var.zones) >= 2
    error_message = "A database needs subnets in two zones."
  }
}

variable "cidr" {
  description = "Addresses of the network, at least a /20."
  type        = string
  default     = "10.60.0.0/16"
}

variable "database_class" {
  description = "Class of the database's instance."
  type        = string
  default     = "db.t4g.medium"
}

variable "database_standby" {
  description = "Whether a second zone has a standby of the database."
  type        = bool
  default     = true
}

variable "database_backup_days" {
  description = "Days for which backups of the database are kept."
  type        = number
  default     = 14
}

variable "broker_type" {
  description = "Type of the broker's nodes."
  type        = string
  default     = "cache.t4g.small"
}

variable "log_days" {
  description = "Days for which logs of tries are kept in the bucket."
  type        = number
  default     = 400
}

variable "protected" {
  description = "Whether database and bucket are kept from being deleted by mistake."
  type        = bool
  default     = true
}

# The next four are written into Secrets Manager and the database, and never into the state: give them by TF_VAR_... or a secret store.
variable "database_password" {
  description = "Password of the database's owner: 30 letters and digits by chance, say."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "secret_key" {
  description = "The key that encrypts connections and Variables: 32 bytes by chance in URL-safe Base64."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "worker_token" {
  description = "Secret of the workers' token: penstock_ and 43 letters and digits by chance, or more."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "scaler_token" {
  description = "Secret of the token by which /scaling is asked, of the same form."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "secrets_version" {
  description = "Raise it to have the secrets written anew."
  type        = number
  default     = 1
}
